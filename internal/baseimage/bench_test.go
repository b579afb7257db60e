package baseimage

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestPhases(t *testing.T) {
	pk := os.Getenv("SLIPWAY_E2E_PACKAGES")
	if pk == "" {
		t.Skip()
	}
	a := realAssembler(t, pk, t.TempDir(), memoryStore{})
	s := time.Now()
	lock, err := a.Resolve(t.Context(), []string{"slipway/node:20-trixie"}, []string{"linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("resolve", time.Since(s))
	l := lock.Bases[0]
	tt, _ := targetOf(l.Platform)
	for range 2 {
		parts, _ := a.parts(l, tt)
		for _, p := range parts {
			s = time.Now()
			tr, err := p.make(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			t.Log(p.comment, "unpack", time.Since(s))
			for _, c := range []Compression{Gzip, Zstd} {
				s = time.Now()
				ls := layers{dir: t.TempDir(), compression: c}
				ly, err := ls.make("x", tr)
				if err != nil {
					t.Fatal(err)
				}
				t.Log("  ", c, time.Since(s), float64(ly.Bytes)/1e6, float64(ly.TarBytes)/1e6)
			}
		}
	}
}
