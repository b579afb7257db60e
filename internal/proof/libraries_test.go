package proof

import (
	"bufio"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/assets"
)

func TestPackagesOfLibraries(t *testing.T) {
	for name, want := range map[string]string{
		"libgomp.so.1": "libgomp1", "libGL.so.1": "libgl1", "libzbar.so.0": "libzbar0t64", "libblas.so.3": "libblas3", "libbz2.so.1.0": "libbz2-1.0",
		"libicuuc.so.76": "libicu76", "libboost_filesystem.so.1.83.0": "libboost-filesystem1.83.0", "libpython3.13.so.1.0": "libpython3.13", "libnss3.so": "libnss3",
		"libsensors.so.5": "libsensors5", "libmysqlclient.so.21": "libmariadb3", "libnothing.so.1": "", "libgomp": "", "": "", "libgomp1": "",
	} {
		if got := assets.PackageOfLibrary(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestTheTableOfLibraries is sorted, and has each library once.
func TestTheTableOfLibraries(t *testing.T) {
	last, rows := "", 0
	for line := range strings.Lines(assets.Libraries()) {
		name, pkg, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || pkg == "" || strings.Contains(pkg, " ") || name <= last {
			t.Errorf("line %q after %q", line, last)
		}
		last, rows = name, rows+1
	}
	if rows < 2000 {
		t.Errorf("%d libraries", rows)
	}
}

// fewest is how many packages depend on one whose libraries are in the table.
const fewest = 8

// TestWriteLibraries writes the table from the indexes of a mirror, which
// SLIPWAY_LIBRARIES_OF names, such as https://mirror.example/debian/dists/trixie/main.
func TestWriteLibraries(t *testing.T) {
	mirror := os.Getenv("SLIPWAY_LIBRARIES_OF")
	if mirror == "" {
		t.Skip("wants a Debian mirror: set SLIPWAY_LIBRARIES_OF to the address of a component")
	}
	uses := map[string]int{}
	each(t, mirror+"/binary-amd64/Packages.gz", func(line string) {
		if rest, ok := strings.CutPrefix(line, "Depends: "); ok {
			for clause := range strings.SplitSeq(rest, ",") {
				uses[strings.FieldsFunc(clause, func(r rune) bool { return strings.ContainsRune(" (:|", r) })[0]]++
			}
		}
	})
	best := map[string]string{} // by stem and number
	shortest := map[string]string{}
	library := regexp.MustCompile(`^usr/lib/(?:x86_64-linux-gnu/)?((?:lib|ld-)[^/]*\.so)((?:\.[0-9a-z]+)*)$`)
	each(t, mirror+"/Contents-amd64.gz", func(line string) {
		i := strings.LastIndexByte(line, ' ')
		m := library.FindStringSubmatch(strings.TrimSpace(line[:max(i, 0)]))
		if m == nil {
			return
		}
		for at := range strings.SplitSeq(line[i+1:], ",") {
			pkg := path.Base(at)
			if uses[pkg] < fewest || strings.HasSuffix(pkg, "-dev") || strings.HasSuffix(pkg, "-dbg") {
				continue
			}
			if old, have := shortest[m[1]+" "+pkg]; have && (old != "" && m[2] == "" || m[2] != "" && old != "" && len(old) <= len(m[2])) {
				continue
			}
			shortest[m[1]+" "+pkg] = m[2]
		}
	})
	for key, number := range shortest {
		stem, pkg, _ := strings.Cut(key, " ")
		if old := best[stem+number]; old == "" || uses[pkg] > uses[old] || uses[pkg] == uses[old] && pkg < old {
			best[stem+number] = pkg
		}
	}
	for name, pkg := range otherNames() {
		best[name] = pkg
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(best)) {
		out.WriteString(name + " " + best[name] + "\n")
	}
	if err := os.WriteFile("../assets/libraries.txt", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// otherNames are libraries whose names have longer numbers than the rule finds, which
// are alternatives, or which few packages of Debian use and many wheels do.
func otherNames() map[string]string {
	return map[string]string{
		"libaio.so.1":            "libaio1t64",
		"libatk-bridge-2.0.so.0": "libatk-bridge2.0-0t64",
		"libblas.so.3":           "libblas3",
		"libbz2.so.1.0":          "libbz2-1.0",
		"liblapack.so.3":         "liblapack3",
		"libmysqlclient.so.21":   "libmariadb3",
		"libodbcinst.so.2":       "libodbcinst2",
		"libopenblas.so.0":       "libopenblas0",
		"libpython3.13.so.1.0":   "libpython3.13",
		"libvips.so.42":          "libvips42t64",
	}
}

// each calls a function with every line of a compressed file.
func each(t *testing.T, address string, f func(string)) {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	plain, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f(lines.Text())
	}
	if err := lines.Err(); err != nil && err != io.EOF {
		t.Fatal(err)
	}
}
