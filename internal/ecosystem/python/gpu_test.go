package python

import (
	"bytes"
	"debug/elf"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

const (
	onTorch = "import torch\nfrom flask import Flask\napp = Flask(__name__)\n"
	cudaOf  = "[[package]]\nname = \"torch\"\nversion = \"2.6.0\"\nfiles = [{file = \"torch-2.6.0-cp313-cp313-manylinux1_x86_64.whl\", hash = \"sha256:1\"}]\ngroups = [\"default\", \"main\"]\n" +
		"[[package]]\nname = \"nvidia-cudnn-cu12\"\nversion = \"9.1.0.70\"\nfiles = [{file = \"nvidia_cudnn_cu12-9.1.0.70-py3-none-manylinux2014_x86_64.whl\", hash = \"sha256:1\"}]\ngroups = [\"default\", \"main\"]\n"
	uvTorch = "[[package]]\nname = \"a\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"torch\" }]\n" +
		"[[package]]\nname = \"torch\"\nversion = \"2.6.0\"\nsource = { registry = \"https://mirror.example/simple\" }\ndependencies = [{ name = \"nvidia-cudnn-cu12\" }, { name = \"triton\" }]\n" +
		"[[package]]\nname = \"nvidia-cudnn-cu12\"\nversion = \"9.1.0.70\"\nsource = { registry = \"https://mirror.example/simple\" }\nwheels = [\n" +
		"  { url = \"https://mirror.example/nvidia_cudnn_cu12-9.1.0.70-py3-none-manylinux2014_x86_64.whl\", size = 664752741 },\n" +
		"  { url = \"https://mirror.example/nvidia_cudnn_cu12-9.1.0.70-py3-none-win_amd64.whl\", size = 999999999 }]\n" +
		"[[package]]\nname = \"triton\"\nversion = \"3.2.0\"\nsource = { registry = \"https://OTHER.example/simple\" }\nwheels = [{ url = \"https://mirror.example/triton-3.2.0-cp313-cp313-manylinux_2_17_x86_64.whl\", size = 253000000 }]\n"
	uvProject = "[project]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"torch\"]\n"
)

// TestGPU: without a sign of a GPU, what PyTorch has for it is not installed.
func TestGPU(t *testing.T) {
	one := strings.Replace(uvTorch, "OTHER", "mirror", 1)
	yes, no := true, false
	for name, c := range map[string]struct {
		files map[string]string
		gpu   *bool
		fact  string // value and evidence
		says  string // of the finding
		run   string // part of the installation
	}{
		"pip":                   {map[string]string{"requirements.txt": "torch==2.6.0\nflask\ngunicorn"}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "requirements.txt:1: which take about 4 GB", "sed -i -E '/^" + cudaPackages},
		"frozen":                {map[string]string{"requirements.txt": "flask==3\ngunicorn==23\nnvidia-cudnn-cu12==9\ntorch==2.6.0\ntriton==3.2.0"}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "requirements.txt:4: which take about 4 GB", "requirements.txt && PYTHONPATH"},
		"brought":               {map[string]string{"requirements.txt": "sentence-transformers\nflask\ngunicorn"}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "requirements.txt:0: which take about 4 GB", onCPU},
		"uv":                    {map[string]string{"pyproject.toml": uvProject, "uv.lock": one}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "pyproject.toml:4: a download of 0.9 GB", "sed -i -E '/^"},
		"uv with two indexes":   {map[string]string{"pyproject.toml": uvProject, "uv.lock": uvTorch}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "pyproject.toml:4: a download of 0.9 GB", " --no-install-package nvidia-cudnn-cu12 --no-install-package triton && "},
		"Poetry":                {map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\ntorch = \"^2\"\n", "poetry.lock": cudaOf}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "pyproject.toml:2: which take about 4 GB", "I{:a;"},
		"PDM":                   {map[string]string{"pyproject.toml": uvProject, "pdm.lock": cudaOf}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "pyproject.toml:4: which take about 4 GB", "I{:a;"},
		"asked":                 {map[string]string{"requirements.txt": "torch", "main.py": "import torch\ndevice = \"cuda\" if torch.cuda.is_available() else \"cpu\"\n"}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "requirements.txt:1: which take about 4 GB", onCPU},
		"tried":                 {map[string]string{"requirements.txt": "torch", "main.py": "import torch\ntry:\n    import triton\nexcept ImportError:\n    triton = None\n"}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "requirements.txt:1: which take about 4 GB", onCPU},
		"set":                   {map[string]string{"requirements.txt": "torch"}, &yes, "needed, configured", "", ""},
		"set off":               {map[string]string{"requirements.txt": "torch\nvllm"}, &no, "none, configured", "requirements.txt:1: which take about 4 GB", onCPU},
		"a package":             {map[string]string{"requirements.txt": "torch\nflash-attn==2"}, nil, "needed, the package flash-attn", "", ""},
		"a package for CUDA 12": {map[string]string{"requirements.txt": "torch\ncupy-cuda12x"}, nil, "needed, the package cupy-cuda12x", "", ""},
		"an import":             {map[string]string{"requirements.txt": "torch", "main.py": "import torch\nimport triton.language as tl\n"}, nil, "needed, imports triton.language", "", ""},
		"numba":                 {map[string]string{"requirements.txt": "torch\nnumba", "main.py": "import torch\nfrom numba import cuda\n"}, nil, "needed, imports numba", "", ""},
		"not asked":             {map[string]string{"requirements.txt": "torch", "main.py": "import torch\nnet = torch.nn.Linear(1, 1).to(\"cuda:0\")\n"}, nil, "needed, the sources use a GPU and do not ask whether there is one", "", ""},
		"a module of CPUs too":  {map[string]string{"requirements.txt": "torch\nfaiss-cpu", "main.py": "import torch\nimport faiss\n"}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "requirements.txt:1: which take about 4 GB", onCPU},
		"own module":            {map[string]string{"requirements.txt": "torch", "main.py": "import torch\nfrom apex import x\n", "apex.py": "x = 1\n"}, nil, "none, default: nothing asks for one, so the image lacks CUDA", "requirements.txt:1: which take about 4 GB", onCPU},
		"the CPU's index":       {map[string]string{"requirements.txt": "--extra-index-url https://download.example/whl/cpu\ntorch==2.6.0"}, nil, "", "", ""},
		"the CPU's build":       {map[string]string{"requirements.txt": "torch==2.6.0+cpu"}, nil, "", "", ""},
		"a build for CUDA":      {map[string]string{"requirements.txt": "torch @ https://mirror.example/torch-2.6.0%2Bcu124-cp313-cp313-linux_x86_64.whl"}, nil, "", "", ""},
		"a lock of the CPU's":   {map[string]string{"pyproject.toml": uvProject, "uv.lock": "[[package]]\nname = \"a\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"torch\" }]\n[[package]]\nname = \"torch\"\nversion = \"2.6.0\"\n"}, nil, "", "", ""},
		"no PyTorch":            {map[string]string{"requirements.txt": "flask\ngunicorn"}, nil, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"main.py": onTorch}
			maps.Copy(files, c.files)
			p, found := planned(t, files, config.Service{Name: "a", GPU: c.gpu})
			fact := ""
			for _, f := range p.Facts {
				if f.Name == "GPU" {
					fact = f.Value + ", " + f.Evidence
				}
			}
			says := ""
			for _, f := range of(found, codeNoGPU) {
				_, text, _ := strings.Cut(f.Text, "libraries, ")
				says = strings.TrimPrefix(f.Place.File+":"+strconv.Itoa(f.Place.Line), "./") + ": " + text
			}
			if fact != c.fact || says != c.says {
				t.Errorf("fact %q, finding %q\nwant %q, %q; all: %v", fact, says, c.fact, c.says, found)
			}
			run := shell(p, plan.StageDependencies)
			if c.run != "" && !strings.Contains(run, c.run) || strings.Contains(run, onCPU) != (c.run != "") {
				t.Errorf("the installation: %s", run)
			}
		})
	}
}

// TestCUDALinesGo: with the digests below them, and without those of others.
func TestCUDALinesGo(t *testing.T) {
	sed, err := exec.LookPath("sed")
	if err != nil || exec.Command(sed, "--version").Run() != nil {
		t.Skip("GNU sed is not installed")
	}
	file := filepath.Join(t.TempDir(), "requirements.txt")
	const list = "torch==2\nnvidia-cublas-cu12==1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nNVIDIA_cudnn_cu12==9\ntriton==3.2.0 ; sys_platform == 'linux'\n" +
		"tritonclient==2\ntriton\npytorch-triton==3\nnvidia-ml-py==1\nflask==3 \\\n    --hash=sha256:3\ncuda-bindings==1\ncuda-toolkit[cublas]==13\nlast\n"
	if err := os.WriteFile(file, []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	s := service{cpuOnly: true, manager: manager{cache: pipCache, lists: []string{file}}}
	commands := s.withoutCUDA([]string{"before", pipInstall + file})
	if len(commands) != 3 || commands[0] != "before" || commands[2] != pipInstall+file {
		t.Fatalf("commands %q", commands)
	}
	if out, err := exec.Command("sh", "-c", commands[1]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := os.ReadFile(file)
	if diff := cmp.Diff("torch==2\ntritonclient==2\nnvidia-ml-py==1\nflask==3 \\\n    --hash=sha256:3\nlast\n", string(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// python3 runs a script with arguments.
func python3(t *testing.T, script string, args ...string) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	out, err := exec.Command(python, append([]string{"-c", script}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestSkipScript: pip reads what packages need by these means.
func TestSkipScript(t *testing.T) {
	got := python3(t, skipScript+`
from email import message_from_string
m = message_from_string("""Name: torch
Requires-Dist: filelock
Requires-Dist: nvidia-cudnn-cu12 (==9.1.0.70) ; platform_system == "Linux"
Requires-Dist: cuda-toolkit[cublas,cudart]==13.2.2; platform_system == "Linux"
Requires-Dist: cuda-bindings<14,>=13.0.3
Requires-Dist: triton~=3.9.0
Requires-Dist: tritonclient
Classifier: cuda-toolkit
""")
print(m.get_all("Requires-Dist"), m.get_all("Classifier"), m.get_all("Absent", []))
`)
	if want := "['filelock', 'tritonclient'] ['cuda-toolkit'] []\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestStubs: a library in the place of a missing one has the versions that others are
// linked to, and its functions return the error or a text.
func TestStubs(t *testing.T) {
	dir := t.TempDir()
	got := python3(t, cpuScript+`
import ctypes, platform
machine = {"x86_64": 62, "aarch64": 183}.get(platform.machine())
symbols = {(b"cudaMalloc", False, b"libcudart.so.13"), (b"cudaGetErrorString", False, b"libcudart.so.13"), (b"ncclSend", False, b""), (b"cudaTable", True, b"OTHER")}
for m in CODE:
    pathlib.Path(sys.argv[1], str(m)).write_bytes(stub(b"libcudart.so.13", symbols, m))
if machine:
    lib = ctypes.CDLL(str(pathlib.Path(sys.argv[1], str(machine))))
    lib.cudaGetErrorString.restype = ctypes.c_char_p
    print(lib.cudaMalloc(), lib.ncclSend(), lib.cudaGetErrorString(1), ctypes.c_long.in_dll(lib, "cudaTable").value)
else:
    print("100 100 b'no device' 0")
`, dir)
	if want := "100 100 b'no device' 0\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, machine := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} {
		f, err := elf.Open(filepath.Join(dir, strconv.Itoa(int(machine))))
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != machine || f.Type != elf.ET_DYN || len(f.Progs) != 4 {
			t.Errorf("%v %v with %d segments", f.Machine, f.Type, len(f.Progs))
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

const library13 = `
int cudaMalloc(void);
const char *cudaGetErrorString(void);
__attribute__((section(".nv_fatbin"))) const char fatbin[] = {[0 ... 2999999] = 7};
int answer(int at) { return cudaMalloc() + cudaGetErrorString()[0] + (fatbin[at] << 8); }
`

// TestCPUScript: a library that is linked to CUDA works without it, and has no code for
// GPUs any more. The functions before and behind that code stay.
func TestCPUScript(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("cc is not installed")
	}
	venv := t.TempDir()
	lib := filepath.Join(venv, "lib/python3.13/site-packages/torch/lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	compile := func(args ...string) {
		if out, err := exec.Command(cc, append([]string{"-shared", "-fPIC"}, args...)...).CombinedOutput(); err != nil {
			t.Skipf("cc does not compile this: %v: %s", err, out)
		}
	}
	cuda := t.TempDir()
	compile("-o", filepath.Join(cuda, "libcudart.so.13"), "-Wl,-soname,libcudart.so.13", "-Wl,--version-script="+write("v.map", "libcudart.so.13 { global: *; };\n"),
		write("cuda.c", "int cudaMalloc(void) { return 0; }\nconst char *cudaGetErrorString(void) { return \"x\"; }\n"))
	torch := filepath.Join(lib, "libtorch_cuda.so")
	compile("-o", torch, write("torch.c", library13), filepath.Join(cuda, "libcudart.so.13"), "-Wl,-rpath,$ORIGIN")
	compile("-o", filepath.Join(lib, "libtorch_cpu.so"), write("cpu.c", "int cpu;\n"))
	before, err := os.Stat(torch)
	if err != nil {
		t.Fatal(err)
	}
	got := python3(t, strings.Replace(cpuScript, "\nvenv = ", "\nmain(pathlib.Path(sys.argv[1]) / \"lib\")\nimport ctypes\nprint(ctypes.CDLL(sys.argv[2]).answer(1500000))\nsys.exit()\nvenv = ", 1), venv, torch)
	if want := "PyTorch without CUDA: 1 placeholders for its libraries, 2 MB of GPU code removed\n210\n"; got != want { // 100 and 'n'
		t.Errorf("%s, want %s", got, want)
	}
	after, err := os.ReadFile(torch)
	if err != nil || int64(len(after)) > before.Size()-2_900_000 || bytes.Count(after, []byte{7, 7, 7, 7}) > 5_000 {
		t.Errorf("%v: %d bytes, before %d", err, len(after), before.Size())
	}
	f, err := elf.NewFile(bytes.NewReader(after))
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Section(".nv_fatbin"); s == nil || s.Type != elf.SHT_NOBITS {
		t.Errorf("the section is %+v", s)
	}
	if needed, err := f.ImportedLibraries(); err != nil || !strings.Contains(strings.Join(needed, " "), "libcudart.so.13") {
		t.Errorf("%v %v", needed, err)
	}
}

// TestHeadersOfPackages: what compilers read leaves the image, unless it may have one.
func TestHeadersOfPackages(t *testing.T) {
	const removal = "rm -rf " + venv + "/lib/python3*/site-packages/tensorflow/include " + venv + "/lib/python3*/site-packages/torch/include"
	for name, c := range map[string]struct {
		files map[string]string
		want  config.Service
		gone  bool
	}{
		"tensorflow":     {map[string]string{"requirements.txt": "tensorflow-cpu==2.21.0"}, config.Service{}, true},
		"torch":          {map[string]string{"requirements.txt": "torch==2.6.0"}, config.Service{}, true},
		"of a lock file": {map[string]string{"pyproject.toml": uvProject, "uv.lock": uvTorch}, config.Service{}, true},
		"neither":        {map[string]string{"requirements.txt": "flask"}, config.Service{}, false},
		"a compiler":     {map[string]string{"requirements.txt": "torch==2.6.0"}, config.Service{Packages: config.Packages{Runtime: []string{"g++"}}}, false},
		"an extension":   {map[string]string{"requirements.txt": "torch==2.6.0\n./lib", "lib/setup.py": ""}, config.Service{}, false},
	} {
		files := map[string]string{"main.py": onTorch}
		maps.Copy(files, c.files)
		p, found := plannedOn(Ecosystem{}.In(repository(files)), files, c.want)
		if run := shell(p, plan.StageDependencies); strings.Contains(run, removal) != c.gone || found.Errors() != nil {
			t.Errorf("%s: %v: %s", name, found, run)
		}
	}
}
