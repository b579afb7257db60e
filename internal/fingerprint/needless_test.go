package fingerprint_test

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"testing"
	"testing/fstest"
	"time"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/fingerprint"
)

// yard is a service on a file system with hard links and attributes.
type yard struct {
	fingerprint.Input
	files      fstest.MapFS
	links      map[string]uint64 // inodes of files with several names
	attributes map[string][]byte
}

// plain is the Dockerfile of a yard, unless a case has another one; step runs a step
// besides, and file copies one file.
const (
	plain = "FROM scratch AS one\nCOPY src /one/\nCOPY a b /two/\n"
	step  = "FROM slipway/busybox AS one\nCOPY src /one/\nCOPY a b /two/\nRUN true\n"
	file  = "FROM scratch\nCOPY src/a /\n"
)

func newYard(text string) *yard {
	file := func(data string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(data), Mode: 0o644, ModTime: time.Unix(1000, 0)}
	}
	link := func(to string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
	}
	return &yard{
		Input: fingerprint.Input{
			Dockerfile: []byte(cmp.Or(text, plain)), Embedded: true, Host: "linux/amd64", Epoch: 1_000_000_000,
			Bases: map[string]string{"slipway/busybox": digest("a")},
		},
		files: fstest.MapFS{
			"a": file("a"), "b": file("b"), "src/a": file("a"), "src/b": file("b"), "src/deep/a": file("a"), "src/link": link("../lib"),
			"lib/a": file("a"), "lib/deep/b": file("b"), "other": file("o"), "to-lib": link("lib"), "to-link": link("src/link/deep"),
			"loop": link("loop/on"), "odd": link("src/link/../lib"), "up": link("../../../b"), "top": link("/"),
		},
		links: map[string]uint64{}, attributes: map[string][]byte{},
	}
}

func (y *yard) key(t *testing.T) string {
	t.Helper()
	in := y.Input
	in.Context = tree{fingerprint.FromFS(y.files), y}
	p, err := fingerprint.Of(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return p.Key
}

type tree struct {
	fingerprint.Tree
	*yard
}

func (t tree) List(dir string) (fingerprint.Entry, []fingerprint.Entry, error) {
	self, children, err := t.Tree.List(dir)
	for i, c := range children {
		if n := t.links[path.Join(dir, c.Name)]; n > 0 {
			children[i].Inode, children[i].Links = n, 2
		}
	}
	return self, children, err
}

func (t tree) Attributes(name string, _ fingerprint.Entry) ([]byte, error) {
	return t.attributes[name], nil
}

// write, touch, mark and link are changes of a yard.
func write(name string) func(*yard) {
	return func(y *yard) {
		f := *y.files[name]
		f.Data = []byte("other")
		y.files[name] = &f
	}
}

func touch(name string) func(*yard) {
	return func(y *yard) {
		f := *y.files[name]
		f.ModTime = time.Unix(2000, 0)
		y.files[name] = &f
	}
}

func chmod(dir string) func(*yard) {
	return func(y *yard) { y.files[dir] = &fstest.MapFile{Mode: fs.ModeDir | 0o700} }
}

func mark(name, attribute string) func(*yard) {
	return func(y *yard) { y.attributes[name] = fingerprint.AppendAttribute(nil, attribute, "1") }
}

func link(names ...string) func(*yard) {
	return func(y *yard) {
		for _, name := range names {
			y.links[name] = 7
		}
	}
}

func ignore(patterns ...string) func(*yard) { return func(y *yard) { y.Ignore = patterns } }

func text(text string) func(*yard) { return func(y *yard) { y.Dockerfile = []byte(text) } }

func args(args map[string]string) func(*yard) { return func(y *yard) { y.Args = args } }

// TestWhatNoImageShowsRebuildsNothing: each change on the left leaves the image as it is, and
// its neighbour on the right does not, or may not.
func TestWhatNoImageShowsRebuildsNothing(t *testing.T) {
	elsewhere := func(change func(*yard)) func(*yard) {
		return func(y *yard) { y.Embedded = false; change(y) }
	}
	nothing := func(*yard) {}
	for name, c := range map[string]struct {
		text           string // of the Dockerfile
		same, other    func(*yard)
		otherwise      string // the Dockerfile of the neighbour, if it is another one
		firstElsewhere bool   // of the neighbour: another engine builds, before and after
	}{
		"a time":                        {same: touch("a"), other: touch("a"), otherwise: step},
		"a time of a directory":         {same: touch("src/a"), other: touch("src/a"), otherwise: "FROM scratch\nCOPY a /\nCOPY src /\n"},
		"a time for another engine":     {same: touch("a"), other: touch("a"), firstElsewhere: true},
		"a time of what is copied over": {same: touch("a"), other: touch("a"), otherwise: "FROM slipway/busybox\nCOPY a /\n"},

		"an attribute":                    {same: mark("a", "user.x"), other: mark("a", "security.selinux")},
		"a capability":                    {same: mark("a", "security.capability"), other: mark("src/deep", "security.capability")},
		"a capability elsewhere":          {same: mark("a", "security.capability"), other: mark("a", "security.capability"), firstElsewhere: true},
		"a capability for a step":         {text: step, same: mark("a", "security.capability"), other: mark("a", "user.x")},
		"an attribute of a directory":     {same: mark("src", "user.x"), other: mark("src", "system.posix_acl_access")},
		"an attribute for a step":         {same: mark("a", "user.x"), other: mark("a", "user.x"), otherwise: step},
		"an attribute of overlayfs":       {same: mark("a", "user.x"), other: mark("src/deep", "user.overlay.opaque")},
		"an attribute for another engine": {same: mark("a", "user.x"), other: mark("a", "user.x"), firstElsewhere: true},

		"a hard link":                    {same: link("a", "src/a"), other: link("src/a", "src/deep/a")},
		"a hard link between two copies": {same: link("a", "b"), other: link("a", "b"), otherwise: "FROM scratch\nCOPY . /\n"},
		"a hard link for a step":         {same: link("a", "src/a"), other: link("a", "src/a"), otherwise: step},
		"a hard link for parents":        {same: link("a", "b"), other: link("a", "b"), otherwise: "FROM scratch\nCOPY --parents a b /\n"},
		"a hard link elsewhere":          {same: link("a", "src/a"), other: link("a", "src/a"), firstElsewhere: true},

		"a mode above a source":        {text: file, same: chmod("src"), other: chmod("src"), otherwise: "FROM scratch\nCOPY --parents src/a /\n"},
		"a mode above, for a step":     {text: file, same: chmod("src"), other: chmod("src"), otherwise: "FROM scratch\nCOPY src/a /\nRUN true\n"},
		"a mode above, elsewhere":      {text: file, same: chmod("src"), other: chmod("src"), firstElsewhere: true},
		"a mode above a directory":     {text: "FROM scratch\nCOPY src/deep /\n", same: chmod("src"), other: chmod("src/deep")},
		"a mode above what is matched": {text: "FROM scratch\nCOPY src/* /\n", same: chmod("src"), other: chmod("src"), otherwise: "FROM scratch\nCOPY sr* /\n"},

		"an ignore pattern":            {same: ignore("nothing", "other"), other: ignore("src/deep")},
		"an exception":                 {same: ignore("other", "!src"), other: ignore("src", "!src/a")},
		"what is not there is ignored": {same: ignore("a/b"), other: ignore("a")},

		"a comment":                   {same: text("# a comment\n\n" + plain), other: text(plain + "LABEL a=b\n")},
		"a stage that is not needed":  {same: text("FROM scratch\n" + plain), other: text("FROM scratch\n" + plain + "FROM one\n"), text: "FROM scratch\n" + plain},
		"an argument that is unused":  {same: text("ARG UNUSED=1\n" + plain), other: text(plain + "ARG UNUSED=1\n")},
		"the last stage, by its name": {same: func(y *yard) { y.Target = "one" }, other: func(y *yard) { y.Target = "zero" }, text: "FROM scratch AS zero\n" + plain},
		"the platform of this engine": {same: func(y *yard) { y.Platforms = []string{"linux/amd64"} }, other: func(y *yard) { y.Platforms = []string{"linux/arm64"} }},
		"a platform of another image": {same: nothing, other: func(y *yard) { y.Platforms = []string{"linux/amd64"} }, otherwise: step},
		"an argument that is its default": {same: args(map[string]string{"FROM": "src"}), other: args(map[string]string{"FROM": "lib"}),
			text: "FROM scratch\nARG FROM=src\nCOPY $FROM /\n"},

		"beside a variable":            {same: write("other"), other: write("lib/a"), text: "FROM scratch\nARG FROM=lib\nCOPY $FROM /\n"},
		"beside a set of characters":   {same: write("other"), other: write("b"), text: "FROM scratch\nCOPY [ab] /\n"},
		"beside parents":               {same: write("src/a"), other: write("src/deep/a"), text: "FROM scratch\nCOPY --parents src/deep/a /\n"},
		"beside a link":                {same: write("other"), other: write("lib/deep/b"), text: "FROM scratch\nCOPY to-lib /\n"},
		"beside a link on the way":     {same: write("lib/a"), other: write("lib/deep/b"), text: "FROM scratch\nCOPY to-lib/deep/b /\n"},
		"beside a link to a link":      {same: write("lib/a"), other: write("lib/deep/b"), text: "FROM scratch\nCOPY to-link /\n"},
		"beside a link in a directory": {same: write("lib/a"), other: write("src/deep/a"), text: "FROM scratch\nCOPY src /\n"},
		"the link itself":              {same: write("other"), other: write("to-lib"), text: "FROM scratch\nCOPY to-lib/a /\n"},
		"a link out of the context":    {same: write("other"), other: write("b"), text: "FROM scratch\nCOPY up /\n"},
		"a link through a directory":   {same: nothing, other: write("lib/a"), text: "FROM scratch\nCOPY odd /\n"},
		"a link to the top":            {same: nothing, other: write("other"), text: "FROM scratch\nCOPY top /\n"},
		"a link without an end":        {same: nothing, other: write("other"), text: "FROM scratch\nCOPY loop /\n"},
		"a link that a pattern finds":  {same: write("other"), other: write("lib/a"), text: "FROM scratch\nCOPY to-li?/a /\n"},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := newYard(c.text), newYard(c.text)
			c.same(after)
			if before.key(t) != after.key(t) {
				t.Error("it makes another fingerprint")
			}
			before, after = newYard(cmp.Or(c.otherwise, c.text)), newYard(cmp.Or(c.otherwise, c.text))
			change := c.other
			if c.firstElsewhere {
				before.Embedded = false
				change = elsewhere(change)
			}
			change(after)
			if before.key(t) == after.key(t) {
				t.Error("its neighbour makes none")
			}
		})
	}
}

// TestAnIgnoredLinkIsFollowed as the engine does, which then has the directories of what
// it leads to.
func TestAnIgnoredLinkIsFollowed(t *testing.T) {
	for ignored, source := range map[string]string{"to-lib": "to-li?/a", "src": "src/lin?/a", "src/link": "src/l*/a"} {
		for changed, same := range map[string]bool{"other": true, "lib/a": false} {
			before := newYard("FROM scratch\nCOPY " + source + " /\n")
			before.Ignore = []string{ignored}
			after := newYard(string(before.Dockerfile))
			after.Ignore = before.Ignore
			write(changed)(after)
			if got := before.key(t) == after.key(t); got != same {
				t.Errorf("%s ignored, %s changed: same: %v", ignored, changed, got)
			}
		}
	}
}

// TestTheRuleForModesCountsByTheFiles that have another mode with it.
func TestTheRuleForModesCountsByTheFiles(t *testing.T) {
	for mode, same := range map[fs.FileMode]bool{0o644: true, 0o755: true, 0o600: false, 0o711: false} {
		before, after := newYard("FROM scratch\nCOPY a /\n"), newYard("FROM scratch\nCOPY a /\n")
		for _, y := range []*yard{before, after} {
			y.files["a"] = &fstest.MapFile{Data: []byte("a"), Mode: mode}
		}
		if after.GitModes = true; (before.key(t) == after.key(t)) != same {
			t.Errorf("%v: same: %v", mode, !same)
		}
	}
}

// TestADockerfileOfAnotherTextIsReadAgain: its places would name other lines.
func TestADockerfileOfAnotherTextIsReadAgain(t *testing.T) {
	other, err := dockerfile.Read("Dockerfile", []byte("FROM scratch\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []*dockerfile.File{&other, {}} {
		y := newYard("")
		want := y.key(t)
		if y.File = file; y.key(t) != want {
			t.Errorf("%v: it was believed", file.Stages)
		}
	}
}
