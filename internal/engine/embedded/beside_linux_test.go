package embedded

import "testing"

func TestStageOf(t *testing.T) {
	for name, want := range map[string]string{
		"[integration-tests 3/5] RUN npm test":      "integration-tests",
		"[linux/amd64 e2e-tests  3/12] RUN [x] y":   "e2e-tests",
		"[linux/arm64->amd64 stage-0 1/2] COPY . .": "stage-0",
		"[1/2] RUN x": "",
		"[internal] load build definition from Dockerfile": "",
		"RUN x": "",
		"":      "",
		"[context a/b:c] load metadata for docker.io/a/b:c": "context",
	} {
		if got := stageOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
