package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// question is a request, and the container port that answers it.
type question struct {
	port int
	path string
	post string // a file to post, relative to the example; empty: GET
}

// answerOf starts services as `slipway run` does, waits until they are healthy,
// asks and stops them. The answer begins with its status.
func answerOf(t *testing.T, dir string, q question, args ...string) string {
	t.Helper()
	port := freePort(t)
	run := append([]string{"run", "-p", port + ":" + strconv.Itoa(q.port), "--detach", "--until-healthy", "--timeout", "120s"}, args...)
	invocation{dir: dir, args: run}.run(t).must(t, 0)
	defer func() { invocation{dir: dir, args: []string{"stop", "--all"}}.run(t).must(t, 0) }()
	return ask(t, "http://127.0.0.1:"+port+q.path, dir, q.post)
}

func ask(t *testing.T, url, dir, post string) string {
	t.Helper()
	client := http.Client{Timeout: 30 * time.Second}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if post != "" {
		f, openErr := os.Open(filepath.Join(dir, post))
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer f.Close()
		request, err = http.NewRequestWithContext(t.Context(), http.MethodPost, url, f)
		request.Header.Set("Content-Type", "application/json")
	}
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return resp.Status + "\n" + string(body)
}
