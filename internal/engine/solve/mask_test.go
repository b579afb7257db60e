package solve

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	digest "github.com/opencontainers/go-digest"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/test/pace"
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
	words, err := maskedWords(t.Context(), store, []engine.Secret{{ID: "token"}, {ID: "npmrc"}, {ID: "short"}}, []string{"https_proxy=http://me:pass-word@proxy.example:3128", "GOPROXY=https://go.example,direct"}, nil, []string{"CANARYcargotoken", "short"})
	if err != nil {
		t.Fatal(err)
	}
	const said = "GET https://npm.example/x\nCANARYcargotoken short abcdef123456\nyes, hunter2-hunter2!\nhunter2-hunt\nproxy http://me:pass-word@proxy.example pass-word go.example\n//npm.example/:_authToken=\"abcdef123456\"\n"
	const want = "GET https://npm.example/x\n[secret] short [secret]\nyes, [secret]!\nhunter2-hunt\nproxy http://[secret]@proxy.example [secret] go.example\n[secret]\n"
	for _, size := range []int{1, 3, 7, len(said)} {
		m := masker{words: words.logs}
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

// TestALongSecretIsHiddenWhole, such as a kubeconfig in base64: none of it is shown.
func TestALongSecretIsHiddenWhole(t *testing.T) {
	for _, size := range []int{longestMasked, longestMasked + 1, longestMasked + 3, 3*longestMasked - 1, 100_000} {
		long := ""
		for i := 0; len(long) < size; i++ {
			long += fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
		}
		long = long[:size]
		words, err := maskedWords(t.Context(), values{"k": long + "\n"}, []engine.Secret{{ID: "k"}}, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := masker{words: words.logs}
		got := string(m.pass([]byte("config: "+long+"\ndone\n"), false)) + string(m.pass(nil, true))
		if left := strings.ReplaceAll(got, "[secret]", ""); left != "config: \ndone\n" {
			t.Errorf("of %d bytes %d are shown", size, len(left)-len("config: \ndone\n"))
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

func TestReportsShowNoSecretHoweverTheyWriteIt(t *testing.T) {
	words, err := maskedWords(t.Context(), values{"token": `p<a"s&s'w/o+rd`}, []engine.Secret{{ID: "token"}}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const said = `<a b="p&lt;a&quot;s&amp;s&apos;w/o+rd"/><a b="p&lt;a&#34;s&amp;s&#39;w/o+rd">p&lt;a"s&amp;s'w/o+rd p&lt;a&quot;s&amp;s&#x27;w/o+rd</a>
{"a": "p<a\"s&s'w/o+rd", "b": "p\u003ca\"s\u0026s'w/o+rd"} ?q=p%3Ca%22s%26s%27w%2Fo%2Brd`
	const want = `<a b="[secret]"/><a b="[secret]">[secret] [secret]</a>
{"a": "[secret]", "b": "[secret]"} ?q=[secret]`
	m := masker{words: words.logs}
	if diff := cmp.Diff(want, string(m.pass([]byte(said), true))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// files is a file system of one directory with files.
type files map[string]string

func (f files) list(_ context.Context, _, _ string) (out []*fstypes.Stat, _ error) {
	for _, n := range slices.Sorted(maps.Keys(f)) {
		out = append(out, &fstypes.Stat{Path: n, Mode: 0o644, Size: int64(len(f[n]))})
	}
	return out, nil
}

func (f files) read(_ context.Context, file string, offset, length int64) ([]byte, error) {
	length = min(length, 7) // an engine may answer with less
	text := f[path.Base(file)][offset:]
	return []byte(text[:min(int(length), len(text))]), nil
}

func TestCollectedReportsShowNoSecret(t *testing.T) {
	dir := t.TempDir()
	to, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	const secret = "hunter2-hunter2"
	c := collector{Collect: engine.Collect{From: []string{"/reports"}}, hidden: newWordList([][]byte{[]byte(secret)})}
	from := files{"junit.xml": "<testcase name=\"" + secret + "\"/>", "end.txt": "it is " + secret, "half.txt": "it is " + secret[:9], "plain.txt": "it is plain"}
	if err := c.copyDir(t.Context(), from, "/reports", ".", to, 0); err != nil {
		t.Fatal(err)
	}
	got := files{}
	for name := range from {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(data)
	}
	want := files{"junit.xml": "<testcase name=\"[secret]\"/>", "end.txt": "it is [secret]", "half.txt": from["half.txt"], "plain.txt": from["plain.txt"]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestArgumentsThatAreSecretAreHidden: by their names, by their values, and passwords in
// addresses alone; others are shown.
func TestArgumentsThatAreSecretAreHidden(t *testing.T) {
	key := "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END " + "PRIVATE KEY-----"
	words, err := maskedWords(t.Context(), values{}, nil, nil, map[string]string{
		"DB_PASSWORD": "q7Rk2mVx9Lp4", "VERSION": "2026.11.29-beta", "DATABASE_URL": "postgres://me:w8Tz3nQc6Yd1@db:5432/app", "NPM_TOKEN_FILE": "/run/secrets/npm-token",
		"API_TOKEN": "a/Zt8+Qm2$ Rw9=", "KEY": key, "OPTS": "--token gh" + "p_9aQ2wE7rT4yU1iO6pA3sD8fG5hJ0kL2zX4cV",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := words.logs.hide("q7Rk2mVx9Lp4 2026.11.29-beta w8Tz3nQc6Yd1 db:5432 /run/secrets/npm-token a/Zt8+Qm2$ Rw9= MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7 gh" + "p_9aQ2wE7rT4yU1iO6pA3sD8fG5hJ0kL2zX4cV --token")
	if want := "[secret] 2026.11.29-beta [secret] db:5432 /run/secrets/npm-token [secret] [secret] [secret] --token"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestNamesOfStepsShowNoSecret: BuildKit puts the values of arguments into them.
func TestNamesOfStepsShowNoSecret(t *testing.T) {
	var told recorder
	p := newProgress("web", &told, newWordList([][]byte{[]byte("q7Rk2mVx9Lp4")}))
	now := time.Unix(1, 0)
	p.update(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: digest.FromString("a"), Name: "[builder 1/2] RUN curl -u me:q7Rk2mVx9Lp4", Started: &now, Completed: &now, Error: "curl -u me:q7Rk2mVx9Lp4 failed"}}})
	err := p.explain(fmt.Errorf("failed to solve: %w", &gatewaypb.ExitError{ExitCode: 1}))
	if text := fmt.Sprint(told.events, err); strings.Contains(text, "q7Rk2mVx9Lp4") || strings.Count(text, "[secret]") < 3 {
		t.Errorf("%s", text)
	}
}

// recorder keeps events.
type recorder struct{ events []event.Event }

func (r *recorder) Emit(e event.Event) { r.events = append(r.events, e) }

// TestReportsKeepOrdinaryWords: a setting of a secret file that is no secret may be the
// name of a directory; a file that is no text stays whole.
func TestReportsKeepOrdinaryWords(t *testing.T) {
	words, err := maskedWords(t.Context(), values{"env": "NODE_ENV=production\nDB_PASSWORD=q7Rk2mVx9Lp4\n"}, []engine.Secret{{ID: "env"}}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := words.reports.hide("SF:src/production.js q7Rk2mVx9Lp4"), "SF:src/production.js [secret]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestManyWordsAreHiddenQuickly: a secret of 5,000 lines takes no longer for each byte.
func TestManyWordsAreHiddenQuickly(t *testing.T) {
	var lines strings.Builder
	for i := range 5000 {
		sum := sha256.Sum256(fmt.Append(nil, i))
		fmt.Fprintf(&lines, "%s\n", base64.StdEncoding.EncodeToString(sum[:]))
	}
	words, err := maskedWords(t.Context(), values{"ca": lines.String()}, []engine.Secret{{ID: "ca"}}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, 0123456789.\n", 20_000)
	began := time.Now()
	if words.logs.hide(text) != text {
		t.Error("something was hidden")
	}
	if took := time.Since(began); took > pace.Within(2*time.Second) {
		t.Errorf("%d bytes took %s", len(text), took)
	}
}
