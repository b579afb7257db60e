package python

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// cudaPackages are the packages that PyTorch has for NVIDIA's GPUs alone, as POSIX
// expressions have it: CUDA's libraries, and a compiler for kernels.
const cudaPackages = `(nvidia[-_.](cu|nccl|nvshmem|nvjitlink|nvtx|nvrtc)|cuda[-_.](toolkit|bindings|pathfinder)|(pytorch[-_.])?triton([^-_.a-z0-9]|$))`

var (
	cudaPackage = pattern.Lazy(`^` + cudaPackages)
	torchIndex  = pattern.Lazy(`/whl/(?:cpu|cu\d+|rocm[\d.]+|xpu)\b`)
	torchLocal  = pattern.Lazy(`(?i)(?:^|[\s"'/])torch[^\n;#]*?(?:\+|%2B)(?:cpu|cu\d+|rocm[\d.]+|xpu)\b`)

	cudaAsked = ecosystem.NewSign(`\b(?:cuda|accelerator)\.(?:is_available|device_count|current_accelerator)\(()`)
	cudaFixed = ecosystem.NewSign(`(?:\.to\(\s*['"]cuda\b|\bdevice\s*=\s*['"]cuda\b|\btorch\.device\(\s*['"]cuda\b|\.cuda\(\s*\))()`)
)

// bringers are packages that need torch and are often the only ones that a service
// without a lock file names.
func bringers() []string {
	return []string{"torch", "torchvision", "torchaudio", "accelerate", "bertopic", "diffusers", "docling", "easyocr", "fastai", "flair", "gliner", "keybert", "kornia",
		"lightning", "open-clip-torch", "openai-whisper", "peft", "pytorch-lightning", "sentence-transformers", "setfit", "speechbrain", "stanza", "timm", "torchmetrics", "ultralytics"}
}

// gpuModules are the modules that work on an NVIDIA GPU alone, by the packages that
// have them; "" where another package has one of that name.
func gpuModules() map[string]string {
	return map[string]string{
		"apex": "apex", "auto-gptq": "auto_gptq", "autoawq": "awq", "bitsandbytes": "bitsandbytes", "causal-conv1d": "causal_conv1d", "cuda-python": "cuda", "cudf": "cudf",
		"cuml": "cuml", "cupy": "cupy", "deepspeed": "deepspeed", "exllamav2": "exllamav2", "faiss-gpu": "", "flash-attn": "flash_attn", "lmdeploy": "lmdeploy",
		"mamba-ssm": "mamba_ssm", "nvidia-dali": "nvidia", "nvidia-ml-py": "pynvml", "onnxruntime-gpu": "", "pycuda": "pycuda", "pynvml": "pynvml", "sglang": "sglang", "tensorrt": "tensorrt",
		"torch-tensorrt": "torch_tensorrt", "transformer-engine": "transformer_engine", "triton": "triton", "vllm": "vllm", "xformers": "xformers",
	}
}

// findGPU decides whether the image holds what PyTorch has for GPUs alone, which are
// gigabytes: only where something needs it.
func (s *service) findGPU() {
	if !s.bringsCUDA() {
		return
	}
	why, file, line := s.needsGPU()
	switch {
	case s.Want.GPU != nil && *s.Want.GPU:
		s.Configured("GPU", "needed")
	case s.Want.GPU == nil && why != "":
		s.Fact("GPU", "needed", why, file, line)
	default:
		if s.cpuOnly = true; s.Want.GPU != nil {
			s.Configured("GPU", "none")
		} else {
			s.Fact("GPU", "none", "default: nothing asks for one, so the image lacks CUDA", "", 0)
		}
		d := s.deps["torch"]
		s.Report(diag.Info, codeNoGPU, ecosystem.Or(d.file, s.manifest()), d.line, "to run on a GPU, write gpu: true for the service in slipway.yaml",
			"PyTorch runs on the CPU: the image does not contain its CUDA libraries%s", s.spared())
	}
}

// spared says what the lock file has of packages that are left out.
func (s *service) spared() string {
	bytes := int64(0)
	for _, releases := range s.cudaLocked() {
		for _, r := range releases {
			bytes += r.sizeBytes
		}
	}
	if bytes == 0 {
		return ", which take about 4 GB" // 3.8 of torch 2.6.0, 4.3 of 2.15.0; measured 2026-11-29
	}
	return fmt.Sprintf(", a download of %.1f GB", float64(bytes)/1e9)
}

// cudaLocked are the packages for GPUs that the lock file pins.
func (s *service) cudaLocked() map[string][]release {
	out := maps.Clone(s.lockReleases)
	maps.DeleteFunc(out, func(name string, _ []release) bool { return !cudaPackage().MatchString(name) })
	return out
}

// bringsCUDA reports a service whose installation brings PyTorch with CUDA, as the
// package index has it for Linux. A manifest that names a build of PyTorch gets it.
func (s *service) bringsCUDA() bool {
	if len(s.manager.install) == 0 || s.family == "alpine" {
		return false
	}
	if _, locked := s.lockReleases["torch"]; s.manager.name != "pip" && !s.stale {
		if !locked || len(s.cudaLocked()) == 0 {
			return false
		}
	} else if !slices.ContainsFunc(bringers(), s.has) && !s.deps["transformers"].extra("torch") || s.manager.cache != pipCache {
		return false // in the last case, only uv knows the names
	}
	if s.Want.GPU != nil {
		return true
	}
	for _, name := range s.manager.manifests {
		data, err := ecosystem.Read(s.contextDir(), name)
		if err == nil && (torchIndex().Match(data) || torchLocal().Match(data)) {
			return false
		}
	}
	return true
}

// needsGPU returns the reason why a service needs a GPU, "" when it does not: a
// package, an import that is not tried, a device that is not asked for first.
func (s *service) needsGPU() (why, file string, line int) {
	modules := gpuModules()
	for _, name := range slices.Sorted(maps.Keys(s.deps)) {
		for needs := range maps.Keys(modules) {
			if needs != "triton" && (name == needs || strings.HasPrefix(name, needs+"-cu")) {
				return "the package " + name, s.deps[name].file, s.deps[name].line
			}
		}
	}
	for _, f := range s.scan.files {
		for _, im := range s.scan.imports[f] {
			numba := im.module == "numba.cuda" || im.module == "numba" && slices.Contains(im.names, "cuda")
			if name := top(im.module); im.dots == 0 && !im.maybe && name != "" && (numba || slices.Contains(slices.Collect(maps.Values(modules)), name) && !s.isOwn(name)) {
				return "imports " + im.module, f, im.line
			}
		}
	}
	if h := s.scan.fixed; h.Found() && !s.scan.asked.Found() {
		return "the sources use a GPU and do not ask whether there is one", h.File, h.Line
	}
	return "", "", 0
}

// isOwn reports a module of the service's own.
func (s *service) isOwn(name string) bool {
	return slices.ContainsFunc(s.tree.modules, func(f string) bool {
		return path.Base(f) == name+".py" || path.Base(path.Dir(f)) == name
	})
}

// withoutCUDA are the commands that install without the packages for GPUs.
func (s *service) withoutCUDA(commands []string) []string {
	if !s.cpuOnly {
		return commands
	}
	out := slices.Clone(commands)
	if s.manager.cache != pipCache {
		for i, c := range out {
			if strings.HasPrefix(c, tools+"/bin/uv sync ") {
				out[i] += " --no-install-package " + strings.Join(slices.Sorted(maps.Keys(s.cudaLocked())), " --no-install-package ")
			}
		}
		return out
	}
	drop := "sed -i -E '/^" + cudaPackages + `/I{:a;/\\$/{N;ba};d}' ` + strings.Join(ecosystem.Quoted(s.manager.requirements()), " ")
	at := slices.IndexFunc(out, func(c string) bool { return strings.Contains(c, pipInstall) })
	return slices.Insert(out, max(at, 0), drop)
}

// hook is what pip's Python runs before pip, and why.
func (s *service) hook() (script, why string) {
	script, why = keepScript, "Make pip cache every package, whatever the index's cache headers say: released files never change."
	if s.cpuOnly && s.manager.cache == pipCache {
		return script + skipScript, why + " And make it ignore what PyTorch needs for GPUs alone."
	}
	return script, why
}
