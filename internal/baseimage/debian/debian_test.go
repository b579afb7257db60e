package debian

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pault.ag/go/debian/version"

	"github.com/slipway-build/slipway/internal/diag"
)

func TestRelations(t *testing.T) {
	got := parseRelations("libc6 (>= 2.38), debconf (>= 0.5) | debconf-2.0 , python3:any,, x [amd64] (<< 1:2)")
	want := [][]relation{{{"libc6", ">=", "2.38"}}, {{"debconf", ">=", "0.5"}, {"debconf-2.0", "", ""}}, {{"python3", "", ""}}, {{"x", "<<", "1:2"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(relation{})); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		op, than, have string
		want           bool
	}{
		{">=", "2.38", "2.41-12+deb13u4", true}, {"<<", "2.42", "2.41-12", true}, {">>", "2.41-12", "2.41-12", false}, {"=", "1:1", "1", false},
		{"<=", "1.0", "1.0~rc1", true}, {"=", "1.0", "1.0", true}, {"", "", "0", true},
	} {
		v, err := version.Parse(c.have)
		if err != nil {
			t.Fatal(err)
		}
		if got := (relation{"x", c.op, c.than}).satisfied(v); got != c.want {
			t.Errorf("%s %s %s: %v", c.have, c.op, c.than, got)
		}
	}
}

func TestFieldsWithContinuationLines(t *testing.T) {
	s := stanza("Package: a\ndescription: one\n two\n .\n three\nLast:\n x\n")
	for name, want := range map[string]string{"Description": "one\n two\n .\n three", "LAST": "x", "Desc": "", "two": ""} {
		if got := s.field(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestEmbeddedKeysAreDebians(t *testing.T) {
	keys, err := Keys("")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, k := range keys {
		for _, id := range k.Identities {
			have[id.UserId.Name+" "+id.UserId.Comment] = true
		}
	}
	for _, want := range []string{"Debian Archive Automatic Signing Key 13/trixie", "Debian Stable Release Key 13/trixie", "Debian Security Archive Automatic Signing Key 13/trixie"} {
		if !have[want] {
			t.Errorf("no key of %q", want)
		}
	}
	if _, err := Keys(filepath.Join(t.TempDir(), "none")); diag.ExitOf(err) != diag.ExitUsage {
		t.Errorf("missing keyring: %v", err)
	}
}

func FuzzStanzas(f *testing.F) {
	f.Add([]byte("Package: a\nVersion: 1\nDepends: b (>= 1) | c\n\nPackage: b\nProvides: c\n\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		x := NewIndex()
		x.Add(text, Main)
		for _, name := range slices.Sorted(maps.Keys(x.packages)) {
			_, _, _ = x.best(name)
		}
	})
}

// FuzzRelease: a seed in testdata is signed, so that its text is read.
func FuzzRelease(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = openRelease(data, nil, time.Unix(0, 0))
		_, _ = parseRelease(data)
	})
}

func FuzzAptSources(f *testing.F) {
	f.Add([]byte("deb [arch=amd64] http://mirror.example/debian trixie main\n"))
	f.Add([]byte("Types: deb\nURIs: http://mirror.example\nSuites: trixie\nComponents: main\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		parseAptSources(text)
		parseAptList(string(text))
	})
}
