package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A build is proven, signed and pushed in one command, and nothing secret that it was
// given is in its evidence, its output or anything that it wrote.
func TestEvidenceOfABuild(t *testing.T) {
	real(t)
	c := newCanaries("secret of a variable", "password of the key", "build argument", "proxy in an argument")
	state, keys := t.TempDir(), t.TempDir()
	env := []string{"SLIPWAY_STATE_DIR=" + state, "TOKEN=" + c["secret of a variable"], "SLIPWAY_KEY_PASSWORD=" + c["password of the key"]}
	slipway := func(dir string, code int, args ...string) result {
		r := invocation{dir: dir, env: env, args: args}.run(t).must(t, code)
		for _, leak := range c.searchOutput(t, r) {
			t.Errorf("found: %s of slipway %s", leak, args[0])
		}
		return r
	}
	slipway(keys, 0, "sign", "--generate-key", "release")
	key, public := filepath.Join(keys, "release.key"), filepath.Join(keys, "release.pub")
	dir := busyboxDirectory(t, "RUN --mount=type=secret,id=token grep -q '^canary' /run/secrets/token\n")
	image := slipwayRegistry(t) + "/shop/web:v1"
	build := []string{
		"build", "--attest", "--sign", "--key", key, "--push", "-t", image, "--secret", "id=token,env=TOKEN",
		"--build-arg", "CHANNEL=" + c["build argument"], "--build-arg", "HTTP_PROXY=http://me:" + c["proxy in an argument"] + "@proxy.example:1", "--build-arg", "VERSION=1.2.3", ".",
	}
	first := slipway(dir, 0, build...)
	r := slipway(keys, 0, "verify", "--remote", "--key", public, "--statement", "provenance", image)
	if !strings.Contains(r.stdout, image+": provenance signed by ") {
		t.Errorf("verified:\n%s", r.stdout)
	}
	slipway(keys, 0, "evidence", image, "--export", "out")
	said, err := os.ReadFile(filepath.Join(keys, "out", "web.provenance.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"VERSION":"1.2.3"`, `"argumentsWithoutValue":["CHANNEL","HTTP_PROXY"]`, `"secretIds":["token"]`, `"startedOn":`} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the provenance lacks %s:\n%s", want, said)
		}
	}
	for _, searched := range []string{filepath.Join(keys, "out"), filepath.Join(state, "images")} {
		leaks, files := c.searchTree(t, searched)
		if files == 0 {
			t.Errorf("nothing was searched in %s", searched)
		}
		for _, leak := range leaks {
			t.Errorf("found: %s", leak)
		}
	}
	again := slipway(dir, 0, build...)
	t.Logf("built, signed and pushed in %v, then in %v", first.took, again.took)

	slipway(dir, 0, "build", "--force", "-t", image, "--label", "changed=1", "--secret", "id=token,env=TOKEN", ".")
	r = slipway(keys, 4, "verify", "--key", public, image)
	if !strings.Contains(r.stderr, "no valid signature: there is none") {
		t.Errorf("refused:\n%s", r.stderr)
	}
}
