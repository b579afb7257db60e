package baseimage

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/plan"
)

// usual is a line of testdata/packages.txt.
type usual struct {
	name     string
	commands []string
}

func usualPackages(t *testing.T) (out []usual) {
	t.Helper()
	text, err := os.ReadFile("testdata/packages.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, commands, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "" || name[0] == '#' {
			continue
		}
		u := usual{name: name}
		for c := range strings.SplitSeq(commands, ";") {
			if c = strings.TrimSpace(c); c != "" {
				u.commands = append(u.commands, c)
			}
		}
		out = append(out, u)
	}
	return out
}

func TestTheListOfUsualPackages(t *testing.T) {
	seen := map[string]bool{}
	for _, u := range usualPackages(t) {
		if !plan.IsPackage(u.name) || seen[u.name] {
			t.Errorf("%q is no package, or is there twice", u.name)
		}
		seen[u.name] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d packages", len(seen))
	}
}

// TestUsualPackages assembles a base with each of the 200 usual packages, checks that
// programs and libraries resolve, and runs the commands of the list in a chroot. It
// writes rows of the table docs/PACKAGES.md when SLIPWAY_PACKAGES names that file, and keeps
// those of other packages. SLIPWAY_PACKAGES_ONLY selects packages by name or, as "missing",
// those without a row.
func TestUsualPackages(t *testing.T) {
	table := os.Getenv("SLIPWAY_PACKAGES")
	if table == "" {
		t.Skip("wants the network, root and an hour: make packages")
	}
	packages := os.Getenv("SLIPWAY_E2E_PACKAGES")
	if packages == "" {
		packages = t.TempDir()
	}
	a := realAssembler(t, packages, t.TempDir(), memoryStore{})
	target, err := spec.TargetOf("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	choosers := a.choosers(t.Context())
	only, all := strings.Fields(os.Getenv("SLIPWAY_PACKAGES_ONLY")), usualPackages(t)
	for _, u := range all {
		rows := rowsOf(t, table)
		if len(only) > 0 && !slices.Contains(only, u.name) && !(slices.Contains(only, "missing") && rows[u.name] == "") {
			continue
		}
		root := filepath.Join(t.TempDir(), "root")
		row := u.row(t.Context(), a, choosers, target, root)
		if err := os.RemoveAll(root); err != nil { // they are 12 GB in all
			t.Error(err)
		}
		t.Logf("%s", row)
		if len(row.problems) > 0 {
			t.Errorf("%s: %s", u.name, strings.Join(row.problems, "; "))
		}
		rows[u.name] = row.line()
		if err := os.WriteFile(table, tableOf(t, all, rows), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// usualRow is a row of the table.
type usualRow struct {
	usual
	version   string
	packages  int
	megabytes float64
	registers []string
	ignored   []string // programs that scripts call and that nothing does in their place
	problems  []string
}

func (u usual) row(ctx context.Context, a *Assembler, cs *choosers, target spec.Target, root string) usualRow {
	row := usualRow{usual: u}
	fail := func(err error) usualRow { row.problems = append(row.problems, err.Error()); return row }
	base, err := spec.Of(plan.WithPackages("slipway/jvm:trixie", []string{u.name}))
	if err != nil {
		return fail(err)
	}
	pins, err := cs.choose(ctx, want{base, target})
	if err != nil {
		return fail(err)
	}
	row.packages = len(pins)
	t, debs, err := a.unpackAll(ctx, base, pins)
	if err != nil {
		return fail(err)
	}
	for i, p := range pins {
		if slices.Contains(configuredHere(), p.Name) || slices.Contains(base.Debian, p.Name) {
			continue
		}
		row.note(setupOf(t, debs[i], target.Arch))
		if p.Name == u.name || p.Name == u.name+"t64" {
			row.version = p.Version
		}
	}
	settle(t, base, pins, debs, target.Arch)
	for _, n := range t {
		row.megabytes += float64(n.data.size()) / 1e6
	}
	row.problems = append(unresolved(t), row.problems...)
	if err := write(t, root); err != nil {
		return fail(err)
	}
	for _, c := range u.commands {
		if out, err := inChroot(ctx, root, c); err != nil {
			row.problems = append(row.problems, fmt.Sprintf("`%s`: %v: %s", c, err, lastLine(out)))
		}
	}
	return row
}

// note adds what the scripts of a package do.
func (r *usualRow) note(s debian.Setup) {
	for _, o := range s.Alternatives {
		r.registers = append(r.registers, "alternative "+o.Name)
	}
	for _, a := range s.Accounts {
		r.registers = append(r.registers, map[bool]string{false: "user ", true: "group "}[a.Group]+a.Name)
	}
	for _, f := range s.Sysusers {
		r.registers = append(r.registers, "accounts of "+f)
	}
	for _, l := range s.Links {
		r.registers = append(r.registers, "link "+l.Path)
	}
	r.ignored = append(r.ignored, s.Calls...)
}

func (r usualRow) String() string {
	return fmt.Sprintf("%s %s: %d packages, %.0f MB, registers %q, ignored %q, problems %q", r.name, r.version, r.packages, r.megabytes, compact(r.registers), compact(r.ignored), r.problems)
}

func compact(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// unresolved are the programs and libraries of a tree that cannot start or load.
func unresolved(t tree) (problems []string) {
	names := map[string]bool{}
	for _, dir := range libraryDirs(t) {
		for _, l := range librariesIn(t, dir) {
			names[l.name] = true
		}
	}
	names["ld-linux-x86-64.so.2"] = true
	places := map[*node]string{}
	for _, p := range sorted(t) {
		places[t[p]] = p
	}
	for _, p := range sorted(t) {
		dir, n := path.Dir(p), t.resolve(p)
		program := dir == "usr/bin" || dir == "usr/sbin"
		library := slices.Contains(libraryDirs(t), dir) && isLibraryName(path.Base(p))
		if !program && !library && dir != "etc/alternatives" {
			continue
		}
		if n == nil {
			if !strings.HasSuffix(p, ".so") { // for compilers: the library is a package of its own
				problems = append(problems, "/"+p+" leads nowhere")
			}
			continue
		}
		if n.kind != tar.TypeReg || string(n.data.start(4)) != elf.ELFMAG {
			continue
		}
		for _, lib := range lacking(t, places[n], n, names) {
			problems = append(problems, "/"+p+" lacks "+lib)
		}
	}
	return problems
}

// lacking are the libraries that a file links and that the loader does not find.
func lacking(t tree, p string, n *node, names map[string]bool) (out []string) {
	f, err := elf.NewFile(n.data)
	if err != nil || f.Class != elf.ELFCLASS64 {
		return nil
	}
	needed, _ := f.DynString(elf.DT_NEEDED)
	runpath, _ := f.DynString(elf.DT_RUNPATH)
	rpath, _ := f.DynString(elf.DT_RPATH)
	for _, lib := range needed {
		found := names[lib]
		for _, dir := range strings.Split(strings.Join(append(runpath, rpath...), ":"), ":") {
			dir = strings.NewReplacer("$ORIGIN", "/"+path.Dir(p), "${ORIGIN}", "/"+path.Dir(p)).Replace(dir)
			found = found || dir != "" && (treeFiles{t}).Exists(path.Join(dir, lib))
		}
		if !found {
			out = append(out, lib)
		}
	}
	return out
}

// write writes a tree into a directory, with what a container adds.
func write(t tree, root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := t.writeTar(&packed); err != nil {
		return err
	}
	if _, err := unpackTar(readCloser{&packed}, root); err != nil {
		return err
	}
	for _, dir := range []string{"dev", "proc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for name, minor := range map[string]string{"null": "3", "zero": "5", "urandom": "9"} {
		if out, err := exec.Command("mknod", "-m", "666", filepath.Join(root, "dev", name), "c", "1", minor).CombinedOutput(); err != nil {
			return fmt.Errorf("mknod: %w: %s", err, out)
		}
	}
	return nil
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

// inChroot runs a command in a root of its own, with /proc in a mount namespace that
// ends with it.
func inChroot(ctx context.Context, root, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	command, input, _ := strings.Cut(command, " < ")
	words := append([]string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc=" + filepath.Join(root, "proc"), "chroot", root}, strings.Fields(command)...)
	cmd := exec.CommandContext(ctx, "unshare", words...)
	cmd.Stdin = strings.NewReader(input + "\n")
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// line is the row in the table.
func (r usualRow) line() string {
	verdict := "yes"
	if len(r.problems) > 0 {
		verdict = "no: " + strings.Join(r.problems[:min(3, len(r.problems))], "; ")
	}
	commands := []string(nil)
	for _, c := range r.commands {
		commands = append(commands, "`"+strings.Fields(c)[0]+"`")
	}
	return fmt.Sprintf("| %s | %s | %d | %.0f | %s | %s | %s | %s |\n", r.name, r.version, r.packages, r.megabytes,
		strings.Join(compact(r.registers), ", "), strings.Join(compact(r.ignored), ", "), strings.Join(commands, " "), strings.ReplaceAll(verdict, "|", "/"))
}

// rowsOf are the rows that a table has, by package.
func rowsOf(t *testing.T, table string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	text, err := os.ReadFile(table)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); len(cells) == 8 {
			rows[strings.TrimPrefix(cells[0], "| ")] = line
		}
	}
	return rows
}

// tableOf is docs/PACKAGES.md.
func tableOf(t *testing.T, all []usual, rows map[string]string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/packages.md")
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	tried, right := 0, 0
	for _, u := range all {
		row := rows[u.name]
		body.WriteString(row)
		if row != "" {
			tried++
		}
		if strings.HasSuffix(row, " | yes |\n") {
			right++
		}
	}
	return fmt.Appendf(text, "\n%d of %d packages are right; %d of the list have no row yet. Size is that of the base `slipway/jvm:trixie` with the package.\n\n"+
		"| package | version | packages | MB | scripts register | scripts also call | run | right |\n|---|---|---:|---:|---|---|---|---|\n%s", right, tried, len(all)-tried, body.String())
}
