package fingerprint_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/fingerprint"
)

// oracle says slowly and simply what COPY reads of a context: it makes the tree
// without what is ignored, and copies from it.
type oracle struct{ files map[string]*fstest.MapFile }

func newOracle(t *testing.T, files fstest.MapFS, ignore []string) oracle {
	t.Helper()
	matcher, err := patternmatcher.New(ignore)
	if err != nil {
		t.Fatal(err)
	}
	o := oracle{map[string]*fstest.MapFile{".": {Mode: fs.ModeDir | 0o755}}}
	for name, f := range files {
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err != nil {
			t.Fatal(err)
		}
		if ignored {
			continue
		}
		o.files[name] = f
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			o.files[dir] = files[dir]
		}
	}
	return o
}

// resolve follows every link on a path, within the context.
func (o oracle) resolve(name string) string {
	for range 40 {
		done, rest := ".", strings.Split(path.Clean(name), "/")
		for len(rest) > 0 {
			at := path.Join(done, rest[0])
			rest = rest[1:]
			if f := o.files[at]; f != nil && f.Mode&fs.ModeSymlink != 0 {
				target := string(f.Data)
				if !path.IsAbs(target) {
					target = path.Join("/", path.Dir(at), target)
				}
				name = strings.TrimPrefix(path.Join("/", target, path.Join(rest...)), "/")
				if name == "" {
					name = "."
				}
				done = ""
				break
			}
			done = at
		}
		if done != "" {
			return done
		}
	}
	return "loop"
}

// copied is what one source brings into the image.
func (o oracle) copied(source string) string {
	var out strings.Builder
	source = strings.TrimPrefix(path.Clean("/"+source), "/")
	if source == "" {
		source = "."
	}
	matches := []string{source}
	if strings.ContainsAny(source, "*?") {
		matches = nil
		for _, name := range slices.Sorted(maps.Keys(o.files)) {
			if ok, _ := path.Match(source, name); ok {
				matches = append(matches, name)
			}
		}
	}
	for _, m := range matches {
		top := o.resolve(m)
		fmt.Fprintf(&out, "%s:", m)
		for _, name := range slices.Sorted(maps.Keys(o.files)) {
			if name == top || strings.HasPrefix(name, top+"/") || top == "." {
				f := o.files[name]
				mode := f.Mode
				if name == "." {
					mode = 0
				}
				fmt.Fprintf(&out, " %s %v %q", strings.TrimPrefix(name, top), mode, f.Data)
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// TestNothingThatACopyReadsIsMissed makes random changes to random trees and to what is
// ignored of them. What
// the copies of the Dockerfile bring may not differ between equal fingerprints.
// SLIPWAY_VERDICT_RUNS is the number of changes, 2,000 unless set.
func TestNothingThatACopyReadsIsMissed(t *testing.T) {
	const seed, changes = 1, 40 // to each tree
	trees := 2000 / changes
	if n, err := strconv.Atoi(os.Getenv("SLIPWAY_VERDICT_RUNS")); err == nil {
		trees = max(n/changes, 1)
	}
	r := rand.New(rand.NewPCG(seed, 2))
	equal, needed, needless := 0, 0, 0
	for range trees {
		files := fstest.MapFS{}
		for range 12 {
			change(r, files)
		}
		sources := []string{source(r), source(r)}
		in := fingerprint.Input{
			Context: fingerprint.FromFS(files), Ignore: ignored(r),
			Dockerfile: []byte("FROM scratch AS one\nCOPY " + sources[0] + " /a/\nFROM scratch\nCOPY --from=one / /\nCOPY " + sources[1] + " /b/\n"),
		}
		seen, last := map[string]string{}, ""
		for range changes {
			if r.IntN(4) == 0 {
				in.Ignore = ignored(r)
			} else {
				change(r, files)
			}
			print, err := fingerprint.Of(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			o := newOracle(t, files, in.Ignore)
			want := o.copied(sources[0]) + o.copied(sources[1])
			switch before, ok := seen[print.Key]; {
			case ok && before != want:
				t.Fatalf("equal fingerprints, other files:\n%s\nignore %q\nbefore:\n%s\nnow:\n%s", in.Dockerfile, in.Ignore, before, want)
			case ok:
				equal++
			case want == last:
				needless++
			default:
				needed++
			}
			seen[print.Key], last = want, want
		}
	}
	t.Logf("%d equal, %d needed, %d needless", equal, needed, needless)
	if runs := trees * changes; runs >= 1000 && (equal < runs/5 || needed < runs/5) {
		t.Error("the changes are not varied enough to prove anything")
	}
}

func one[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func ignored(r *rand.Rand) []string {
	return one(r, nil, []string{"src"}, []string{"*", "!src"}, []string{"src", "!src/a/b.txt"}, []string{"**/a.txt"}, []string{"src/*", "!src/a"}, []string{"a*", "!a.txt", "src/a/*.txt"})
}

func source(r *rand.Rand) string {
	return one(r, ".", "src", "src/a", "src/a/b.txt", "*.txt", "*", "s*/a", "*/a.txt", "src/?.txt", "src/*/b.txt", "a.txt", "./src/../lib", "lib/a/a.txt", "lib/*")
}

// change makes one change in place, and keeps the directories of every file.
func change(r *rand.Rand, files fstest.MapFS) {
	name := path.Join(one(r, ".", "src", "src/a", "lib"), one(r, "a.txt", "b.txt", "a"))
	switch r.IntN(8) {
	case 0:
		remove(files, name)
	case 1:
		if f := files[name]; f != nil && f.Mode&fs.ModeSymlink == 0 {
			copied := *f
			copied.Mode = f.Mode.Type() | one[fs.FileMode](r, 0o644, 0o755, 0o700)
			files[name] = &copied
		}
	case 2:
		remove(files, name)
		files[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(one(r, "a.txt", "../lib", "/src/a", "nowhere", "../../..", "b.txt"))}
	case 3:
		remove(files, name)
		files[name] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	default:
		remove(files, name)
		files[name] = &fstest.MapFile{Mode: 0o644, Data: []byte(one(r, "one", "two")), ModTime: time.Unix(r.Int64N(1e9)+1, 0)}
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if f := files[dir]; f == nil || !f.Mode.IsDir() {
			files[dir] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		}
	}
}

func remove(files fstest.MapFS, name string) {
	for other := range files {
		if other == name || strings.HasPrefix(other, name+"/") {
			delete(files, other)
		}
	}
}
