package proof

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// fleetBox is as large as an image of examples/fast: some 120 packages with 5,000
// files.
func fleetBox() *box {
	b := nodeBox()
	for p := range 120 {
		dir := fmt.Sprintf("node_modules/package-%03d/", p)
		b.app(dir+"package.json", fmt.Sprintf(`{"name":"package-%03d","main":"lib/f0.js","version":"1.0.0"}`, p))
		for f := range 41 {
			b.app(fmt.Sprintf("%slib/f%d.js", dir, f), strings.Repeat("module.exports = require('./x');\n", 100))
		}
	}
	for f := range 60 {
		b.app(fmt.Sprintf("dist/f%d.js", f), fmt.Sprintf("const a = require('express');\nconst b = require('./f%d');\n", (f+1)%60))
	}
	return b.app("dist/db.js", "require('./f0')")
}

// BenchmarkCheck is what a changed image costs once its layers are known: their
// indexes are read from bytes, laid over each other and checked.
func BenchmarkCheck(b *testing.B) {
	s := fleetBox().subject(b)
	data, err := s.Layers[0].Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		x, err := layer.Decode(data)
		if err != nil {
			b.Fatal(err)
		}
		s.Layers = []*layer.Index{x}
		if fs := Check(s); len(fs) > 0 {
			b.Fatal(fs)
		}
	}
}

// BenchmarkRead is what a layer costs once: its tar is read and every source in it.
func BenchmarkRead(b *testing.B) {
	data := archive(b, fleetBox().files).Bytes()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := layer.Read(strings.NewReader(string(data))); err != nil {
			b.Fatal(err)
		}
	}
}
