package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// onBase is a directory with a Dockerfile that starts from a base of Slipway.
func onBase(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Dockerfile": "ARG NODE_MAJOR=22\nFROM slipway/node:${NODE_MAJOR}-trixie\nCOPY v.js /v.js\nCMD [\"node\", \"/v.js\"]\n",
		"v.js":       "console.log('node ' + process.versions.node.split('.')[0])\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// podmanEngine is a Podman with storage of its own, for every program that starts
// it. The default limits of its containers are above what this machine may set.
func podmanEngine(t *testing.T) tool {
	t.Helper()
	dir := t.TempDir()
	var env []string
	for variable, text := range map[string]string{
		"CONTAINERS_STORAGE_CONF": "[storage]\ndriver = \"overlay\"\ngraphroot = \"" + dir + "/root\"\nrunroot = \"" + dir + "/run\"\n",
		"CONTAINERS_CONF": "[engine]\ntmp_dir = \"" + dir + "/tmp\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n" +
			"[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n",
	} {
		path := filepath.Join(dir, variable)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		env = append(env, variable+"="+path)
	}
	return tool{args: []string{"podman"}, env: env}
}

// A Dockerfile that starts from a base of Slipway is built by plain docker build and
// podman build, once they have the base. Both of this machine are too old for what
// plans contain (COPY --link, here-documents), so the Dockerfile is a plain one.
func TestDockerAndPodmanBuildOnLoadedBases(t *testing.T) {
	t.Run("docker", func(t *testing.T) {
		docker, dir := dockerEngine(t), onBase(t)
		r := invocation{dir: dir, args: []string{"bases", "load"}, env: docker.env}.run(t).must(t, 0)
		if !strings.Contains(r.stdout, "loaded into Docker's engine at ") || !strings.HasSuffix(r.stdout, ": slipway/node:22-trixie\n") {
			t.Errorf("it says %q", r.stdout)
		}
		docker.do(t, "build", "--network", "none", "-t", "onbase", dir)
		if out := docker.do(t, "run", "--rm", "--network", "none", "onbase"); out != "node 22" {
			t.Errorf("the container says %q", out)
		}
	})
	t.Run("podman", func(t *testing.T) {
		dir, podman := onBase(t), podmanEngine(t)
		r := invocation{dir: dir, args: []string{"bases", "load", "--to", "podman"}, env: podman.env}.run(t).must(t, 0)
		if r.stdout != "loaded into Podman: slipway/node:22-trixie\n" {
			t.Errorf("it says %q", r.stdout)
		}
		podman.do(t, "build", "--network", "none", "-t", "onbase", dir)
		if out := podman.do(t, "run", "--rm", "--network", "none", "onbase"); out != "node 22" {
			t.Errorf("the container says %q", out)
		}
	})
}

func TestSlipwayBuildTakesWhatDockerBuildTakes(t *testing.T) {
	real(t)
	dir := busyboxDirectory(t, "ARG WORD=none\nRUN echo $WORD > /word\nCMD [\"cat\", \"/word\"]\n")
	id := filepath.Join(t.TempDir(), "id")
	r := invocation{dir: dir, args: []string{"build", "-q", "--iidfile", id, "-t", "words:1", "-t", "words:two", "--build-arg", "WORD=said", "."}}.run(t).must(t, 0)
	written, err := os.ReadFile(id)
	if err != nil || strings.TrimSpace(r.stdout) != string(written) || !strings.HasPrefix(string(written), "sha256:") {
		t.Errorf("it prints %q and writes %q: %v", r.stdout, written, err)
	}
	for _, name := range []string{"words:1", "words:two"} {
		if digest, err := stored(t, state, name, "").Digest(); err != nil || digest.String() != string(written) {
			t.Errorf("%s is %s, want %s: %v", name, digest, written, err)
		}
	}
	// A second image starts from the first one, from a Dockerfile on standard input.
	next := invocation{dir: t.TempDir(), args: []string{"build", "-t", "words:3", "-o", "-", "-"}, stdin: "FROM words:1\nRUN echo more >> /word\n"}.run(t).must(t, 0)
	if !strings.Contains(next.stdout, "said\nmore\n") {
		t.Error("the archive on standard output lacks the file of both images")
	}
}
