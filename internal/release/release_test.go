package release

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/plan"
)

func shop() Release {
	digest := func(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }
	return Release{
		Fleet: "shop", Version: "v1", Created: time.Unix(1_800_000_000, 0).UTC(), Source: Source{Commit: "abc"},
		Services: []Service{
			{Name: "web", Image: "shop/web", Digest: digest("a"), SizeBytes: 10, Port: 80, Health: plan.HealthCheck{HTTP: "/health"}, Evidence: []Evidence{{Type: "sbom"}}},
			{Name: "cart", Image: "shop/cart", Digest: digest("b"), MemoryBytes: 64 << 20},
		},
	}
}

// TestAReleaseIsReadAsItWasWritten, with the services in order, and whatever it says is
// known.
func TestAReleaseIsReadAsItWasWritten(t *testing.T) {
	r, err := Decode(shop().Encode())
	if err != nil || r.Services[0].Name != "cart" || !r.Same(r) {
		t.Fatalf("%+v, %v", r, err)
	}
	if again := string(r.Encode()); again != string(shop().Encode()) {
		t.Errorf("another text: %s", again)
	}
	for what, change := range map[string]func(text string) string{
		"no JSON":         func(string) string { return "{" },
		"later schema":    func(s string) string { return strings.Replace(s, `"schema": 1`, `"schema": 2`, 1) },
		"an unknown word": func(s string) string { return strings.Replace(s, `"fleet"`, `"canary": true, "fleet"`, 1) },
		"a tag":           func(s string) string { return strings.Replace(s, `"sha256:`, `"latest:`, 1) },
		"a short digest":  func(s string) string { return strings.Replace(s, "aaaa", "", 1) },
		"no version":      func(s string) string { return strings.Replace(s, `"v1"`, `"../v1"`, 1) },
		"no services":     func(string) string { return `{"schema": 1, "fleet": "shop", "version": "v1", "services": []}` },
	} {
		if _, err := Decode([]byte(change(string(shop().Encode())))); err == nil {
			t.Errorf("%s is a release", what)
		}
	}
}

// TestWhoAndWhenAreNoDifference, nor is evidence, which comes later.
func TestWhoAndWhenAreNoDifference(t *testing.T) {
	a, b := shop(), shop()
	b.Created, b.By, b.Slipway, b.Services[0].Evidence = time.Now(), "another", "9", nil
	if !a.Same(b) || len(Compare(a, b)) > 0 {
		t.Error("not the same")
	}
	for what, change := range map[string]func(r *Release){
		"commit": func(r *Release) { r.Source.Commit = "def" },
		"port":   func(r *Release) { r.Services[0].Port = 81 },
		"digest": func(r *Release) { r.Services[1].Digest = r.Services[0].Digest },
	} {
		c := shop()
		if change(&c); a.Same(c) {
			t.Errorf("the same with another %s", what)
		}
	}
}

func TestCompareSaysWhatChanges(t *testing.T) {
	a, b := shop(), shop()
	grpc := ""
	b.Services = append(b.Services[:1], Service{Name: "mail", Digest: "sha256:" + strings.Repeat("c", 64)})
	b.Services[0].Digest, b.Services[0].Health = "sha256:"+strings.Repeat("d", 64), plan.HealthCheck{GRPC: &grpc, TLS: true}
	b.Services[0].MemoryBytes = 3
	var got []string
	for _, c := range Compare(a, b) {
		got = append(got, c.String())
	}
	want := []string{
		"web: image aaaaaaaaaaaa → dddddddddddd",
		"web: health http /health, each 0s, within 0s, 0 times, after 0s → grpc over TLS, each 0s, within 0s, 0 times, after 0s",
		"web: memory none → 3", "mail: added", "cart: removed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
