package host

import (
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage"
)

// pipConfigs are the configuration files of pip on this machine, from the
// weakest: that of the machine, of the user in two places, of the environment.
func pipConfigs(getenv func(string) string) []string {
	files := []string{"/etc/pip.conf", baseimage.HomeFile(getenv, ".pip", "pip.conf"), baseimage.ConfigFile(getenv, "pip", "pip.conf")}
	if own := getenv("PIP_CONFIG_FILE"); filepath.IsAbs(own) { // a relative one may be a file of the repository
		files = append(files, own)
	}
	return files
}

// pipEnv is what pip's configuration files say of package indexes, as the
// variables that pip and uv read in a build step.
func pipEnv(getenv func(string) string) []string {
	said := map[string]string{}
	for _, name := range pipConfigs(getenv) {
		if data, ok := read(name); ok {
			readPipConfig(string(data), said)
		}
	}
	var env []string
	for _, kv := range [][2]string{{"index-url", "PIP_INDEX_URL"}, {"extra-index-url", "PIP_EXTRA_INDEX_URL"}, {"trusted-host", "PIP_TRUSTED_HOST"}} {
		if v := said[kv[0]]; v != "" && getenv(kv[1]) == "" && !strings.ContainsRune(v, 0) {
			env = append(env, kv[1]+"="+v)
		}
	}
	return env
}

// readPipConfig adds the settings of [global] and [install]; values may go on in
// indented lines.
func readPipConfig(text string, into map[string]string) {
	section, key := "", ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case trimmed[0] == '[':
			section, key = strings.Trim(trimmed, "[]"), ""
		case section != "global" && section != "install":
		case (line[0] == ' ' || line[0] == '\t') && key != "":
			into[key] = strings.TrimSpace(into[key] + " " + trimmed)
		default:
			k, v, ok := strings.Cut(trimmed, "=")
			if !ok {
				k, v, ok = strings.Cut(trimmed, ":")
			}
			if key = ""; ok {
				key = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(k)), "_", "-")
				into[key] = strings.TrimSpace(v)
			}
		}
	}
}
