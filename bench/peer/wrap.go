package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Slipway hands the host's certificates, proxy and registry settings to every
// build step; buildkitd has no way to do that. So that both sides build the same
// Dockerfiles on the same bases, buildkitd gets this program in the place of
// runc: it adds the same to the step's configuration and becomes the real runc.
const (
	WrapperName = "bench-runc"
	wrapRuncEnv = "SLIPWAY_BENCH_RUNC" // path of the real one
	wrapCAEnv   = "SLIPWAY_BENCH_CA"   // the host's bundle; may be empty
	wrapJavaEnv = "SLIPWAY_BENCH_JAVA" // the same as a key store, for Maven
	wrapCoreEnv = "SLIPWAY_BENCH_CORE" // the only core that the step may use; empty: all
	stepCAPath  = "/dev/bench/ca-certificates.crt"
	stepJava    = "/dev/bench/java-cacerts"
)

// caVariables name the bundle for OpenSSL, Go, Node.js, npm, curl, Python and git.
var caVariables = [...]string{
	"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "npm_config_cafile", "CURL_CA_BUNDLE",
	"REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO", "AWS_CA_BUNDLE",
}

// passedVariables reach the steps when this machine sets them.
var passedVariables = [...]string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"NPM_CONFIG_REGISTRY", "npm_config_registry", "GOPROXY", "PIP_INDEX_URL",
}

// RunWrapped is the program in the place of runc. It returns only on failure.
func RunWrapped(argv, environ []string) int {
	runc := os.Getenv(wrapRuncEnv)
	if bundle, ok := bundleOf(argv); ok {
		if err := addToBundle(filepath.Join(bundle, "config.json"), os.Getenv); err != nil {
			fmt.Fprintln(os.Stderr, "bench: adding the host's certificates to a step:", err)
			return 1
		}
	}
	err := syscall.Exec(runc, append([]string{runc}, argv[1:]...), environ)
	fmt.Fprintf(os.Stderr, "bench: starting %s: %v\n", runc, err)
	return 1
}

// bundleOf returns the bundle directory of a `runc run` or `runc create`.
func bundleOf(argv []string) (string, bool) {
	if !slices.Contains(argv, "run") && !slices.Contains(argv, "create") {
		return "", false
	}
	for i, word := range argv {
		if (word == "--bundle" || word == "-b") && i+1 < len(argv) {
			return argv[i+1], true
		}
		if dir, ok := strings.CutPrefix(word, "--bundle="); ok {
			return dir, true
		}
	}
	return "", false
}

// addToBundle rewrites the configuration of a step.
func addToBundle(path string, getenv func(string) string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed, err := withHostSettings(data, getenv)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return os.WriteFile(path, changed, 0o600)
}

// withHostSettings adds the mounts of the bundle and the variables to an OCI
// runtime configuration. A variable that the step sets itself wins.
func withHostSettings(config []byte, getenv func(string) string) ([]byte, error) {
	var spec map[string]any
	numbers := json.NewDecoder(bytes.NewReader(config))
	numbers.UseNumber() // capabilities and limits must not pass through floats
	if err := numbers.Decode(&spec); err != nil {
		return nil, err
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		return nil, errors.New("it has no process")
	}
	env, _ := process["env"].([]any)
	has := map[string]bool{}
	for _, kv := range env {
		name, _, _ := strings.Cut(fmt.Sprint(kv), "=")
		has[name] = true
	}
	add := func(name, value string) {
		if value != "" && !has[name] {
			env = append(env, name+"="+value)
		}
	}
	for _, name := range passedVariables {
		add(name, getenv(name))
	}
	mount := func(source, destination string) bool {
		if source == "" {
			return false
		}
		mounts, _ := spec["mounts"].([]any)
		spec["mounts"] = append(mounts, map[string]any{
			"destination": destination, "type": "bind", "source": source, "options": []string{"bind", "ro"},
		})
		return true
	}
	if mount(getenv(wrapCAEnv), stepCAPath) {
		for _, name := range caVariables {
			add(name, stepCAPath)
		}
	}
	if mount(getenv(wrapJavaEnv), stepJava) {
		add("MAVEN_OPTS", "-Djavax.net.ssl.trustStore="+stepJava)
	}
	process["env"] = env
	bindTo(spec, getenv(wrapCoreEnv))
	return json.Marshal(spec)
}

// bindTo limits the control group of a step to a core
// (github.com/opencontainers/runtime-spec, config-linux.md, "CPU").
func bindTo(spec map[string]any, core string) {
	if core == "" {
		return
	}
	object := spec
	for _, name := range []string{"linux", "resources", "cpu"} {
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	object["cpus"] = core
}
