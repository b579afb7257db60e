package internal_test

import (
	"os"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestItCompilesElsewhere type-checks slipway for systems without an embedded
// engine, from source: a tenth of what compiling everything takes. `make cross`
// compiles it.
func TestItCompilesElsewhere(t *testing.T) {
	if os.Getenv("SLIPWAY_CHECK") != "1" {
		t.Skip("takes half a minute: set SLIPWAY_CHECK=1 (make check does)")
	}
	for _, system := range []string{"darwin", "windows"} {
		found, err := packages.Load(&packages.Config{
			Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax,
			Env:  append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"),
		}, "../cmd/slipway", "./...")
		if err != nil {
			t.Fatal(err)
		}
		packages.Visit(found, nil, func(p *packages.Package) {
			for _, err := range p.Errors {
				t.Errorf("%s: %v", system, err)
			}
		})
		if len(found) < 20 {
			t.Errorf("%s: only %d packages were looked at", system, len(found))
		}
	}
}
