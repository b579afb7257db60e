package proxy

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// FuzzLineOfTheAccessLog: whatever clients send, a line is one line and says what
// encoding/json would say.
func FuzzLineOfTheAccessLog(f *testing.F) {
	for _, text := range []string{"", "/", `a"b\c`, "a\nb\x00\x1f\x7f", "ä…\u2028😀", "\xff\xc3(", "<&>"} {
		f.Add(text, text, 200, int64(12345), -1)
		f.Add("GET", text, 0, int64(0), 14)
	}
	f.Fuzz(func(t *testing.T, method, text string, status int, n int64, grpc int) {
		line := &access{
			Time: time.Unix(1e9, n%1e9).UTC(), Listener: "public", Client: text, Protocol: "HTTP/1.1", Method: method, Host: text, Path: text, Agent: text,
			Service: "web", Side: text, Upstream: text, Status: status, Reason: method, Retries: status, In: n, Out: -n,
			AnswerMS: milliseconds(time.Duration(n)), TotalMS: milliseconds(time.Duration(n) / 7),
		}
		if grpc >= 0 {
			line.GRPC = &grpc
		}
		ours := string(line.appendTo(nil))
		if strings.Count(ours, "\n") != 1 || !strings.HasSuffix(ours, "\n") {
			t.Errorf("not a line: %q", ours)
		}
		theirs, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]any
		if err := json.Unmarshal([]byte(ours), &got); err != nil {
			t.Fatalf("%v: %s", err, ours)
		}
		if err := json.Unmarshal(theirs, &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %s\nwant %s", ours, theirs)
		}
	})
}
