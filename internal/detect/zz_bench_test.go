package detect

import (
	"os"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
)

func BenchmarkFAST(b *testing.B) {
	data, _ := os.ReadFile("../../examples/fast/slipway.yaml")
	for b.Loop() {
		fleet, f := config.Parse("slipway.yaml", data)
		if f.Errors() != nil {
			b.Fatal(f)
		}
		root, _ := os.OpenRoot("../../examples/fast")
		p, ff := Plan(root.FS(), fleet)
		if len(p) != 10 {
			b.Fatal(ff)
		}
		root.Close()
	}
}
