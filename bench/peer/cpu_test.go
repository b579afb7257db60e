package peer

import "testing"

func TestCPUTime(t *testing.T) {
	for name, c := range map[string]struct {
		stat string
		want float64
	}{
		"as the kernel writes it": {"7 (slip (way)) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 700 100 20 0 9 0 5", 10},
		"cut short":               {"7 (slipway) S 1 7 7 0 -1", 0},
		"empty":                   {"", 0},
	} {
		if got := cpuTime([]byte(c.stat)); got != c.want {
			t.Errorf("%s: %v s, want %v", name, got, c.want)
		}
	}
}

func FuzzCPUTime(f *testing.F) {
	f.Add([]byte("7 (slipway) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 700 100"))
	f.Fuzz(func(t *testing.T, stat []byte) { cpuTime(stat) })
}
