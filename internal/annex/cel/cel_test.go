package cel

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/test/pace"
)

// about is the document of an image, after a change, and of the release before.
func about(t *testing.T, previous *gate.Previous) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(map[string]any{"service": "web", "previous": previous, "image": gate.Image{
		Name: "shop/web:latest", SizeBytes: 100e6, Efficiency: 1, User: "1001:1001", Ports: []string{"8080/tcp"}, BuildTime: 10 * time.Second,
		Labels: map[string]string{"owner": "payments"}, Layers: []gate.Layer{{SizeBytes: 80e6, By: "base"}, {SizeBytes: 20e6, By: "COPY"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func evaluate(t *testing.T, previous *gate.Previous, texts ...string) ([]annex.Denial, error) {
	t.Helper()
	r := annex.PolicyRequest{Input: about(t, previous)}
	for i, text := range texts {
		r.Policies = append(r.Policies, annex.PolicyFile{Name: string(rune('a'+i)) + ".cel", Text: text})
	}
	answer, err := Evaluate(t.Context(), r)
	return answer.Denials, err
}

func TestWhatHolds(t *testing.T) {
	before := &gate.Previous{Version: "v1", Image: gate.Image{SizeBytes: 95e6}}
	for _, policy := range []string{
		`service == "web"`,
		`image.size_bytes <= 200 * 1000 * 1000`,
		`image.efficiency >= 1`, // a whole number, where the document has no fraction
		`image.labels["owner"].startsWith("pay") && !("team" in image.labels)`,
		`image.layers.all(l, l.size_bytes < 90000000) && size(image.layers) == 2`,
		`image.build_ns < duration("1m")`,
		`image.user.split(":")[0] != "0"`,
		`image.setuid == [] && !has(image.cmd)`, // left out of the document
		`previous == null || image.size_bytes * 100 <= previous.image.size_bytes * 106`,
		"// a comment\n\n// at the end\ntrue // too\n\n\n",
		"image.size_bytes\n  // within\n  > 3",
	} {
		for _, previous := range []*gate.Previous{nil, before} {
			if denials, err := evaluate(t, previous, policy); err != nil || len(denials) > 0 {
				t.Errorf("%s: %v, %v", policy, denials, err)
			}
		}
	}
}

func TestWhatIsDenied(t *testing.T) {
	got, err := evaluate(t, nil, strings.Join([]string{
		"// Policies of the platform.", "",
		"// No image has more than", "// one layer.", "size(image.layers) <= 1", "",
		"image.size_bytes", "  < 10", "",
		`image.labels["team"] == "web"`, "",
		"dyn(3)",
	}, "\n"), "false")
	want := []annex.Denial{
		{File: "a.cel", Line: 5, Text: "No image has more than one layer."},
		{File: "a.cel", Line: 7, Text: "this does not hold: image.size_bytes < 10"},
		{File: "a.cel", Line: 10, Text: `it cannot be evaluated: no such key: team: image.labels["team"] == "web"`},
		{File: "a.cel", Line: 12, Text: "it is neither true nor false: dyn(3)"},
		{File: "b.cel", Line: 1, Text: "this does not hold: false"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestBrokenPolicies: each problem of every file has its line and column.
func TestBrokenPolicies(t *testing.T) {
	_, err := evaluate(t, nil, "true\n\n// m\nimage.sise > 3\n\n1 +\n  * 2 > 3", "image.size_bytes", "// nothing", "previous.image.labels.owner == 3", strings.Repeat("(", 200)+"true"+strings.Repeat(")", 200), strings.Repeat(" ", maxFile+1))
	if diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{
		"\n  a.cel:4:6: undefined field 'sise'", "\n  a.cel:7:3: Syntax error", "\n  b.cel:1: the expression is of type int, not bool: image.size_bytes",
		"\n  c.cel: it has no expression", "\n  d.cel:1:29: found no matching overload", "\n  e.cel:1: expression recursion limit exceeded", "\n  f.cel: it has 65537 bytes",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\ndoes not say %q", err, part)
		}
	}
}

// TestFieldsAreDocumented: docs/POLICIES.md has each field that expressions see.
func TestFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/POLICIES.md")
	if err != nil {
		t.Fatal(err)
	}
	for i := range reflect.TypeFor[gate.Image]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[gate.Image]().Field(i).Tag.Get("json"), ",")
		if name == "" || !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/POLICIES.md does not name the field %q of image", name)
		}
	}
	_, block, _ := strings.Cut(string(page), "```\n")
	block, _, _ = strings.Cut(block, "```")
	denials, err := evaluate(t, nil, block)
	if err != nil || len(denials) != 1 || denials[0].Text != "No layer above the base is larger than 50 MB." {
		t.Errorf("its example: %v, %v", denials, err)
	}
}

// TestABombEnds: what would take for ever is denied by its cost, soon.
func TestABombEnds(t *testing.T) {
	const ten = "[0,1,2,3,4,5,6,7,8,9]"
	bomb := "true"
	for _, v := range "abcdefghijkl" {
		bomb = ten + ".all(" + string(v) + ", " + bomb + ")"
	}
	start := time.Now()
	denials, err := evaluate(t, nil, bomb, `lists.range(1000000).map(x, lists.range(1000000)).size() > 0`)
	if err != nil || len(denials) != 2 || !strings.Contains(denials[0].Text, "actual cost limit exceeded: [0,1,2") && !strings.Contains(denials[0].Text, "it takes longer than 5s: [0,1,2") {
		t.Errorf("%v, %v", denials, err)
	}
	if took := time.Since(start); took > pace.Within(2*maxTime) {
		t.Errorf("it took %s", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Evaluate(ctx, annex.PolicyRequest{Input: about(t, nil), Policies: []annex.PolicyFile{{Name: "a.cel", Text: bomb}}}); err == nil {
		t.Error("an ended context evaluates")
	}
}

func FuzzRules(f *testing.F) {
	f.Add("// a\nb\n\nc\n  d // e\n")
	f.Add("\n\n//\n\n")
	f.Add("a\r\n\r\nb")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		for _, r := range rules(text) {
			if r.text == "" || r.line < 1 || !strings.HasPrefix(r.text, lines[r.line-1]) {
				t.Errorf("line %d of %q is %q", r.line, text, r.text)
			}
			r.brief()
		}
	})
}
