package solve

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
)

// values is a store of secrets for tests.
type values map[string]string

func (v values) GetSecret(_ context.Context, id string) ([]byte, error) { return []byte(v[id]), nil }

func TestLogsShowNoSecret(t *testing.T) {
	store := values{
		"token": "hunter2-hunter2\n",
		"npmrc": "registry=https://npm.example/\n//npm.example/:_authToken=\"abcdef123456\"\n; no\n",
		"short": "yes",
	}
	words, err := maskedWords(t.Context(), store, []engine.Secret{{ID: "token"}, {ID: "npmrc"}, {ID: "short"}}, []string{"https_proxy=http://me:pass-word@proxy.example:3128", "GOPROXY=https://go.example,direct"}, []string{"CANARYcargotoken", "short"})
	if err != nil {
		t.Fatal(err)
	}
	const said = "GET https://npm.example/x\nCANARYcargotoken short abcdef123456\nyes, hunter2-hunter2!\nhunter2-hunt\nproxy http://me:pass-word@proxy.example pass-word go.example\n//npm.example/:_authToken=\"abcdef123456\"\n"
	const want = "GET https://npm.example/x\n[secret] short [secret]\nyes, [secret]!\nhunter2-hunt\nproxy http://[secret]@proxy.example [secret] go.example\n[secret]\n"
	for _, size := range []int{1, 3, 7, len(said)} {
		m := masker{words: words}
		var got strings.Builder
		for at := 0; at < len(said); at += size {
			got.Write(m.pass([]byte(said[at:min(at+size, len(said))]), false))
		}
		got.Write(m.pass(nil, true))
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("in pieces of %d bytes (-want +got):\n%s", size, diff)
		}
	}
}

func TestLogsWithoutSecretsPassAsTheyAre(t *testing.T) {
	m := masker{}
	data := []byte("as it is")
	if got := m.pass(data, false); &got[0] != &data[0] {
		t.Error("the log was copied")
	}
}
