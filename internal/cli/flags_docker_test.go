package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// dockerFlag is a flag of docker build as a person may write it.
type dockerFlag struct {
	words   string // separated by spaces
	refused string // what the error says; empty: the flag works
	hint    string // what to use
}

// dockerBuildFlags are all flags in the help of `docker buildx build` v0.35, and the
// hidden ones that it takes for older builders (commands/build.go).
func dockerBuildFlags() []dockerFlag {
	return []dockerFlag{
		{words: "--add-host db.internal:10.0.0.5"}, {words: "--add-host six=::1"},
		{words: "--add-host gate:host-gateway", refused: "build steps cannot reach this machine", hint: "--network host --add-host gate:127.0.0.1"},
		{words: "--add-host x", refused: "invalid --add-host", hint: "NAME:ADDRESS"},
		{words: "--allow network.host"}, {words: "--allow security.insecure"}, {words: "--allow device", refused: "unknown entitlement", hint: "network.host or security.insecure"},
		{words: "--annotation a=b", refused: "writes no annotations", hint: "--label"},
		{words: "--attest"}, {words: "--attest type=provenance,mode=max"}, {words: "--attest=type=provenance"}, {words: "--attest type=sbom"}, {words: "--attest type=provenance,disabled=true"},
		{words: "--build-arg A=1"}, {words: "--build-arg A"},
		{words: "--build-context other=."}, {words: "--build-context other=docker-image://registry.example/x"}, {words: "--build-context other=oci-layout://layout:v1"},
		{words: "--build-context other", refused: "invalid --build-context", hint: "NAME=DIR"}, {words: "--build-context other=./none", refused: "was not found", hint: "--build-context other=DIR"},
		{words: "--cache-from user/app:cache"}, {words: "--cache-from type=local,src=c"}, {words: "--cache-to type=local,dest=c"}, {words: "--cache-to type=inline"},
		{words: "--call build"}, {words: "--call check", refused: "only to build them", hint: "--dry-run"}, {words: "--check", refused: "no rules", hint: "--dry-run"},
		{words: "--cgroup-parent x"}, {words: "-D", refused: "no debug log", hint: "--trace"}, {words: "--debug", refused: "no debug log", hint: "--trace"},
		{words: "-f Dockerfile"}, {words: "--file Dockerfile"}, {words: "--iidfile id"}, {words: "--label a=b"}, {words: "--load"}, {words: "--metadata-file m"},
		{words: "--network default"}, {words: "--network none"}, {words: "--network host"}, {words: "--network mine", refused: "unknown network", hint: "--network none"},
		{words: "--no-cache"}, {words: "--no-cache-filter base"},
		{words: "-o out"}, {words: "--output type=local,dest=out"}, {words: "--output type=tar,dest=x.tar"}, {words: "--output type=oci,dest=x.tar"}, {words: "--output type=docker,dest=x.tar"},
		{words: "--output type=docker"}, {words: "--output type=registry"}, {words: "--output type=image,name=registry.example/x,push=true"}, {words: "-o -"}, {words: "-o type=oci"}, {words: "--output type=cacheonly"},
		{words: "--output type=oci,dest=x.tar,compression=zstd"}, {words: "-o type=oci,dest=x,tar=false", refused: `"tar" is not supported`, hint: "use type, dest"},
		{words: "-o a -o b", refused: "writes one file or directory", hint: "once for each"}, {words: "-o type=local", refused: "invalid --output", hint: "type=local,dest=DIR"},
		{words: "--platform linux/arm64"}, {words: "--platform local"},
		{words: "--policy filename=x", refused: "evaluates no policies", hint: "conftest"},
		{words: "--progress plain"}, {words: "--progress tty"}, {words: "--progress auto"}, {words: "--progress none"}, {words: "--progress quiet"},
		{words: "--progress rawjson", refused: "rawjson is not supported", hint: "--trace"}, {words: "--progress x", refused: "unknown progress", hint: "plain"},
		{words: "--provenance=false"}, {words: "--provenance=mode=max"}, {words: "--provenance"},
		{words: "--sbom=false"}, {words: "--sbom=true"},
		{words: "--pull"}, {words: "--push"}, {words: "-q"}, {words: "--quiet"},
		{words: "--resource memory=2g,cpu-quota=50000"}, {words: "--resource disk=1", refused: "invalid --resource", hint: "memory=2g"}, {words: "--resource memory=lots", refused: "invalid size", hint: "--memory 2g"},
		{words: "--secret id=s,src=Dockerfile"}, {words: "--secret id=s,env=HOME"}, {words: "--secret id=s,type=env,src=HOME"}, {words: "--secret id=Dockerfile"}, {words: "--secret type=file,id=Dockerfile"},
		{words: "--secret id=none_of_them", refused: "has no value", hint: "src=FILE"}, {words: "--secret src=x", refused: "invalid --secret", hint: "id=NAME"},
		{words: "--shm-size 256m"}, {words: "--shm-size big", refused: "invalid --shm-size", hint: "256m"},
		{words: "--ssh id=Dockerfile"}, {words: "--ssh default", refused: "requires an SSH agent", hint: "ssh-add"}, {words: "--ssh id=none", refused: "cannot be read", hint: "--ssh id=KEY"},
		{words: "-t a -t b:1 --tag registry.example/c"}, {words: "-t a -t B", refused: "not an image name", hint: "name"},
		{words: "--target base"}, {words: "--ulimit nofile=1024:2048"}, {words: "--ulimit x", refused: "invalid --ulimit", hint: "nofile"},
		// hidden
		{words: "--print outline", refused: "only to build them", hint: "--dry-run"},
		{words: "-m 2g"}, {words: "--memory 2g"}, {words: "--memory-swap -1"}, {words: "-c 2"}, {words: "--cpu-shares 2"}, {words: "--cpu-period 1000"}, {words: "--cpu-quota 1000"}, {words: "--cpuset-cpus 0-1"}, {words: "--cpuset-mems 0"},
		{words: "--compress"}, {words: "--rm"}, {words: "--rm=false"}, {words: "--force-rm"}, {words: "--disable-content-trust"},
		{words: "--isolation default"}, {words: "--isolation hyperv", refused: "only Windows", hint: "remove it"},
		{words: "--security-opt x", refused: "BuildKit ignores it", hint: "--allow security.insecure"}, {words: "--squash", refused: "cannot squash", hint: "last stage"},
	}
}

// buildApp is an app in a directory with a Dockerfile.
func buildApp(t *testing.T) (*app, *cobra.Command, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("ARG A\nFROM scratch AS base\nCOPY Dockerfile /\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := newApp(World{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Dir: dir,
		Getenv: func(name string) string { return map[string]string{"HOME": "/root"}[name] },
	}, filepath.Join(dir, ".state"))
	return a, a.root(), &out
}

func TestEveryFlagOfDockerBuildWorksOrSaysWhyNot(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range dockerBuildFlags() {
		words := strings.Fields(c.words)
		name, _, _ := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
		covered[name] = true
		t.Run(c.words, func(t *testing.T) {
			_, root, out := buildApp(t)
			root.SetArgs(append(append([]string{"build", "--dry-run"}, words...), "."))
			err := root.ExecuteContext(context.Background())
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("%v\nhint: %s", err, diag.HintOf(err))
			case c.refused == "" && !strings.Contains(out.String(), "would build"):
				t.Errorf("it printed %q", out)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(diag.HintOf(err), c.hint) || diag.ExitOf(err) != diag.ExitUsage):
				t.Errorf("%v\nhint: %s", err, diag.HintOf(err))
			}
		})
	}
	for _, name := range strings.Fields(`add-host allow annotation attest build-arg build-context cache-from cache-to call cgroup-parent check debug file iidfile label load metadata-file
		network no-cache no-cache-filter output platform policy progress provenance pull push quiet resource sbom secret shm-size ssh tag target ulimit`) {
		if !covered[name] && !covered[name[:1]] {
			t.Errorf("no case has --%s", name)
		}
	}
}

func TestFlagsOfDockerBuildReachTheEngine(t *testing.T) {
	a, _, _ := buildApp(t)
	var f buildFlags
	cmd := &cobra.Command{}
	f.register(cmd)
	err := cmd.ParseFlags(strings.Fields("--add-host db:10.0.0.5 --add-host six=[::1] --network host --shm-size 256m --ulimit nofile=1:2 --cgroup-parent /x --allow security.insecure" +
		" -m 2g --resource cpuset-cpus=0-1 --ssh k=Dockerfile --no-cache-filter base --pull --target base -o type=image,name=n,compression=zstd --secret id=s,type=env,src=HOME -t a -t b"))
	if err = errors.Join(err, a.applyOutputs(&f)); err != nil {
		t.Fatal(err)
	}
	got, err := a.request(f)
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Request{
		Target: "base", Args: map[string]string{}, Labels: map[string]string{}, Secrets: []engine.Secret{{ID: "s", Env: "HOME"}}, Compression: "zstd", NoCacheOf: []string{"base"}, Pull: true,
		Steps: engine.StepSettings{
			Network: "host", Hosts: []string{"db=10.0.0.5", "six=::1"}, ShmSizeBytes: 256 << 20, Ulimits: []string{"nofile=1:2"}, CgroupParent: "/x", Allow: []string{"security.insecure"},
			Limits: map[string]string{"memory": "2147483648", "cpusetcpus": "0-1"}, SSH: []engine.SSHAgent{{ID: "k", Paths: []string{filepath.Join(a.Dir, "Dockerfile")}}},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	names, err := f.names("x")
	if d := cmp.Diff([]string{"b:latest", "n:latest"}, names); err != nil || d != "" || f.Tag != "a" {
		t.Errorf("%s, %v, -want +got:\n%s", f.Tag, err, d)
	}
	if reason := f.afresh(); reason != "--no-cache-filter" {
		t.Errorf("it is built because of %q", reason)
	}
	if want := "--network host, --add-host db=10.0.0.5, --add-host six=::1, --shm-size 268435456, --ulimit nofile=1:2"; got.Beyond() != want {
		t.Errorf("its fingerprint has %q, want %q", got.Beyond(), want)
	}
}
