package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestARepositoryReachesNoOtherImage: code that one repository puts into its cache
// mounts is in no other one's image: neither by the mount, nor by the result of the
// other one's own step, nor by the image that the same files gave.
func TestARepositoryReachesNoOtherImage(t *testing.T) {
	real(t)
	_, env := ownState(t)
	env = append(env, "SLIPWAY_CACHE_SCOPE=")
	for name, mount := range map[string]string{"usual": "target=/c", "id": "id=deps,target=/c", "locked": "target=/c,sharing=locked"} {
		steps := "RUN --mount=type=cache," + mount + " if [ -e /c/f ]; then cat /c/f; else echo clean; fi > /out\nFROM scratch\nCOPY --from=work /out /out\n"
		victim, hostile := smallDir(t, steps), smallDir(t, "RUN --mount=type=cache,"+mount+" echo POISON > /c/f\n")
		build := func(dir string) string {
			t.Helper()
			invocation{dir: dir, env: env, args: []string{"build", "-t", name + "/x", "."}}.run(t).must(t, 0)
			out := filepath.Join(t.TempDir(), "out")
			invocation{dir: dir, env: env, args: []string{"build", "-o", out, "."}}.run(t).must(t, 0)
			data, _ := os.ReadFile(filepath.Join(out, "out")) // of the preparing build there is none
			return strings.TrimSpace(string(data))
		}
		build(hostile)
		write(t, filepath.Join(hostile, "Dockerfile"), read(t, filepath.Join(victim, "Dockerfile")))
		if got := build(hostile); got != "POISON" {
			t.Fatalf("%s: the mount of the hostile repository holds %q", name, got)
		}
		if got := build(victim); got != "clean" {
			t.Errorf("%s: the image of the victim has %q", name, got)
		}
		if r := (invocation{dir: victim, env: env, args: []string{"build", "-t", name + "/x", "."}}).run(t).must(t, 0); !strings.Contains(r.stderr, "unchanged") {
			t.Errorf("%s: a second build of the victim is not unchanged:\n%s", name, r.stderr)
		}
	}
}

// TestCredentialsReachStepsOfTrustedRepositories: no step of a stranger's repository
// sees a token of this machine, and of a trusted one those that install do, without
// showing it in the log.
func TestCredentialsReachStepsOfTrustedRepositories(t *testing.T) {
	real(t)
	home := t.TempDir()
	for name, text := range map[string]string{
		".cargo/config.toml": "[registries.corp]\nindex = \"sparse+https://me:CANARYlogin@crates.example/\"\ntoken = \"CANARYtoken\"\n",
		".m2/settings.xml":   "<settings><servers><server><id>corp</id><password>CANARYpassword</password></server></servers></settings>",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(home, name), text)
	}
	const look = "{ cat /dev/slipway/cargo.toml /dev/slipway/maven-settings.xml; env; } | tee -a "
	dir := smallDir(t, "RUN "+look+"/all\nRUN : cargo build; "+look+"/cargo\nUSER 1001\nRUN : cargo build; cat /dev/slipway/cargo.toml\nFROM scratch\nCOPY --from=work /all /cargo /\n")
	_, env := ownState(t)
	env = append(env, "HOME="+home, "PIP_INDEX_URL=https://me:CANARYpip@pip.example/")
	for trusted, want := range map[string]string{"": "", dir: "CANARYlogin CANARYtoken"} {
		out := filepath.Join(t.TempDir(), "out")
		r := invocation{dir: dir, env: append(env, "SLIPWAY_TRUST="+trusted), args: []string{"build", "--no-cache", "--progress", "plain", "-o", out, "."}}.run(t).must(t, 0)
		if strings.Contains(r.stdout+r.stderr, "CANARY") {
			t.Errorf("trusting %q, the log shows a secret:\n%s", trusted, r.stderr)
		}
		if all := read(t, filepath.Join(out, "all")); strings.Contains(all, "CANARY") || !strings.Contains(all, "PIP_INDEX_URL=https://pip.example/") {
			t.Errorf("trusting %q, a step that installs nothing sees\n%s", trusted, all)
		}
		var got []string
		for _, word := range []string{"CANARYlogin", "CANARYtoken", "CANARYpassword", "CANARYpip"} {
			if strings.Contains(read(t, filepath.Join(out, "cargo")), word) {
				got = append(got, word)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("trusting %q, a step of cargo sees %q, want %q", trusted, got, want)
		}
		if noted := strings.Contains(r.stderr, "SLIPWAY_TRUST="); noted != (trusted == "") {
			t.Errorf("trusting %q, the note says\n%s", trusted, r.stderr)
		}
	}
}
