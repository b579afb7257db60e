package node

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASlimLockSaysTheSame(t *testing.T) {
	data, err := os.ReadFile("../../../examples/fast/fast-orchestrator-service/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole, slim lockFile
	if err := json.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	small, _ := slimLock(data)
	if err := json.Unmarshal(small, &slim); err != nil || len(whole.Packages) < 50 {
		t.Fatal(err, len(whole.Packages))
	}
	if diff := cmp.Diff(whole, slim); diff != "" {
		t.Errorf("(-whole +slim):\n%s", diff)
	}
	if len(small) > len(data)/2 || strings.Contains(string(small), "sha512-") {
		t.Errorf("%d of %d bytes are left", len(small), len(data))
	}
}

// FuzzSlimLock: what is valid says the same without what is unused, and what is not
// valid is returned as it is or still not valid.
func FuzzSlimLock(f *testing.F) {
	f.Add(`{"packages": {"": {"name": "a", "license": "MIT", "dependencies": {"b": "1"}}, "node_modules/b": {"version": "1", "integrity": "x", "dev": true}}}`)
	f.Add(`{"packages": {"a": {"engines": {"node": ">=1}"}, "os": ["x", "]"]}}, "lockfileVersion": 3} `)
	f.Add(`{"packages": {"a": {"license": "}", "link": true,}}}`)
	f.Add(`{"packages": null, "dependencies": {"a": {"version": "1"}}}`)
	f.Add(`[]`)
	f.Add(`{"packages": {"a": 1}}x`)
	f.Fuzz(func(t *testing.T, text string) {
		slim, _ := slimLock([]byte(text))
		var whole, small lockFile
		errWhole, errSlim := json.Unmarshal([]byte(text), &whole), json.Unmarshal(slim, &small)
		if errWhole == nil && errSlim != nil {
			t.Fatalf("%q became %q: %v", text, slim, errSlim)
		}
		if errWhole == nil {
			if diff := cmp.Diff(whole, small); diff != "" {
				t.Errorf("%q became %q (-whole +slim):\n%s", text, slim, diff)
			}
		}
	})
}
