package e2e

import (
	"strings"
	"testing"
)

// TestBuildLoadsIntoDocker gives images to a real Docker engine: one that was
// just built, one that it has already, one that did not change, another name for
// it, one of a layer in zstd, and one of several platforms.
func TestBuildLoadsIntoDocker(t *testing.T) {
	real(t)
	docker := dockerEngine(t)
	_, env := ownState(t)
	env = append(env, docker.env...)
	dir := smallDir(t, "RUN echo built by a step > /greeting\nCMD [\"cat\", \"/greeting\"]\n")
	build := func(args ...string) result {
		return invocation{dir: dir, env: env, args: append([]string{"build", "--load"}, args...)}.run(t).must(t, 0)
	}
	greets := func(image string) {
		t.Helper()
		if out := docker.do(t, "run", "--rm", "--network", "none", image); out != "built by a step" {
			t.Errorf("%s says %q", image, out)
		}
	}
	r := build("-t", "greeter:v1")
	t.Logf("built and loaded in %v", r.took)
	greets("greeter:v1")

	again := build("-t", "greeter:v1").says(t, "unchanged")
	t.Logf("nothing to build or to load: %v", again.took)
	build("-t", "greeter:v2").says(t, "unchanged")
	greets("greeter:v2")
	if a, b := docker.do(t, "images", "-q", "greeter:v1"), docker.do(t, "images", "-q", "greeter:v2"); a != b || a == "" {
		t.Errorf("two names of one image have the ids %q and %q", a, b)
	}
	docker.do(t, "rmi", "greeter:v1", "greeter:v2")
	build("-t", "greeter:v1").says(t, "unchanged")
	greets("greeter:v1")

	write(t, dir+"/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
	both := build("-t", "several:v1", "--platform", "linux/amd64,linux/arm64")
	if !strings.Contains(both.stderr, "loading only linux/") {
		t.Errorf("nobody is told which platform Docker gets:\n%s", both.stderr)
	}
	docker.do(t, "inspect", "several:v1")
}
