package baseimage

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
)

var update = flag.Bool("update", false, "write testdata/recipe.txt")

// madeRefs are bases of every kind.
func madeRefs() []string {
	return []string{
		runtimeRef, toolchainRef, "slipway/jvm:trixie", "slipway/libc:trixie", "slipway/nginx:1.26-trixie", "slipway/node/libfallback:20-trixie",
		"slipway/python/libc-bin:3.13-trixie", "slipway/python:3.13-trixie", "slipway/python:3.13-trixie-toolchain", "slipway/rust:trixie-openssl", "slipway/static:trixie",
	}
}

// TestRecipeHasAVersion: who changes what a base is made of, or how, raises
// assembly, without which stored bases and locks of earlier versions would be taken
// for new ones. Then -update writes the new digests. New bases need only -update;
// so does a change of the packages that tests make up, once the file is removed.
func TestRecipeHasAVersion(t *testing.T) {
	const file = "testdata/recipe.txt"
	now := recipes(t)
	before, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var changed []string
	for _, line := range strings.Split(string(before), "\n") {
		base, digest, ok := strings.Cut(line, " ")
		if again, have := now[base]; ok && have && again != digest {
			changed = append(changed, base)
		}
	}
	head := fmt.Sprintf("assembly %d\n", assembly)
	if len(changed) > 0 && strings.HasPrefix(string(before), head) {
		t.Fatalf("%s changed: raise assembly in lock.go, then go test ./internal/baseimage -update", strings.Join(changed, ", "))
	}
	after := head
	for _, base := range sorted(now) {
		after += base + " " + now[base] + "\n"
	}
	if *update {
		if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(before), after); diff != "" {
		t.Errorf("recipes (-want +got); go test ./internal/baseimage -update writes them:\n%s", diff)
	}
}

// recipes are digests of what this package makes: of made-up packages as images, and
// of what each base wants.
func recipes(t *testing.T) map[string]string {
	t.Helper()
	w := newWorld(t)
	w.publish("1.0", madeRefs()...)
	built, err := w.assembler().Ensure(t.Context(), madeRefs(), []string{"linux/amd64", "linux/arm64"})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, ref := range madeRefs() {
		out["image:"+ref] = built[ref].Index.Hex
	}
	for _, ref := range spec.Refs() {
		base, err := spec.Of(ref)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(base)
		if err != nil {
			t.Fatal(err)
		}
		out[ref] = sha(text)
	}
	return out
}

// TestBasesOfAnotherRecipeAreNotTaken: what a slipway with another recipe has
// stored, resolved or pinned is not what this one wants.
func TestBasesOfAnotherRecipeAreNotTaken(t *testing.T) {
	w := newWorld(t)
	old := w.ensure(w.assembler(), runtimeRef, "linux/amd64").Pins
	old[0].Assembly--
	stale := Lock{Version: 1, Bases: old}

	a := w.assembler()
	if err := writeFile(a.builtFile(old[0]), []byte(old[0].Gzip)); err != nil { // as the other slipway noted it
		t.Fatal(err)
	}
	if b, err := a.stored(t.Context(), runtimeRef, old); b != nil || err != nil {
		t.Errorf("the stored base is taken: %+v, %v", b, err)
	}
	locked := w.assembler(func(o *Options) { o.Lock = stale })
	if _, ok := locked.Ready(t.Context(), []string{runtimeRef}, amd64); ok {
		t.Error("a pinned base of another recipe is ready")
	}
	_, err := locked.Ensure(t.Context(), []string{runtimeRef}, amd64)
	if diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "another version of slipway") || diag.HintOf(err) != "slipway bases lock" {
		t.Errorf("a pinned base of another recipe: %v, hint %q", err, diag.HintOf(err))
	}
	// The hint leads on: the base is pinned anew, and others stay as they are.
	other := Locked{Ref: "slipway/static:trixie", Platform: "linux/amd64", Suite: "trixie", Assembly: assembly - 1}
	locked = w.assembler(func(o *Options) { o.Lock = stale.With(other) })
	fresh, err := locked.Pin(t.Context(), []string{runtimeRef}, amd64)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := fresh.Find(runtimeRef, "linux/amd64")
	kept, ok := fresh.Find(other.Ref, "linux/amd64")
	if l.Assembly != assembly || !ok || kept.Assembly != assembly-1 {
		t.Errorf("pinned anew: %+v; beside it: %+v", l, kept)
	}
}

// TestResolutionsOfOtherPackagesAreNotTaken: a resolution is that of the packages
// that the base wants, and of no earlier list.
func TestResolutionsOfOtherPackagesAreNotTaken(t *testing.T) {
	w := newWorld(t)
	a := w.assembler()
	w.ensure(a, runtimeRef, "linux/amd64")
	base, err := spec.Of(runtimeRef)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.pinned(base, "linux/amd64"); !ok {
		t.Fatal("the resolution is not there")
	}
	for name, change := range map[string]func(*spec.Base){
		"a package more":     func(b *spec.Base) { b.Debian = append(b.Debian, "bash") },
		"another part":       func(b *spec.Base) { b.Parts = map[string][]string{"libc-bin": {"usr/bin"}} },
		"a file left out":    func(b *spec.Base) { b.Drop = []string{"libm.so.6"} },
		"another major":      func(b *spec.Base) { b.NPMMajor = "11" },
		"what it depends on": func(b *spec.Base) { b.Closure = true },
	} {
		other := base
		change(&other)
		if _, ok := a.pinned(other, "linux/amd64"); ok {
			t.Errorf("%s: the old resolution is taken", name)
		}
	}
	if _, ok := a.pinned(base, "linux/arm64"); ok {
		t.Error("the resolution of another platform is taken")
	}
	if files, _ := filepath.Glob(filepath.Join(w.state, "resolved", "*")); len(files) != 1 {
		t.Errorf("resolutions: %v", files)
	}
}
