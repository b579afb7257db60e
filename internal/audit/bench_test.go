package audit

import (
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkAppend is a record on the disk, its copy included.
func BenchmarkAppend(b *testing.B) {
	l, err := Open(filepath.Join(b.TempDir(), "audit"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := l.Append(Record{Action: DeployStep, Environment: "production", Fleet: "shop", Version: "v1.2.3"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is a log of 10,000 records.
func BenchmarkVerify(b *testing.B) {
	l := &Log{now: time.Now, actor: Me()}
	f, last := Files{}, end{}
	for range 10_000 {
		r := l.next(last, Record{Action: DeployStep, Environment: "production", Fleet: "shop", Version: "v1.2.3"})
		line := encode(r)
		last = end{Point{r.Seq, hashOf(line)}, line}
		f.log, f.head = append(f.log, ended(line)...), ended(line)
	}
	for b.Loop() {
		if r := f.Verify(Trust{}); !r.OK() || r.Records != 10_000 {
			b.Fatal(r.Problems)
		}
	}
}
