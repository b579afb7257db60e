package ecosystem

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
)

// covered sorts by place, and leaves out what a directory brings along.
func covered(all []Held) []Held {
	slices.SortFunc(all, func(a, b Held) int { return strings.Compare(a.To+"\x00"+a.From, b.To+"\x00"+b.From) })
	var out []Held
	places := map[string]bool{}
	for _, e := range all {
		if places[e.To] || slices.ContainsFunc(out, func(o Held) bool {
			return o.Dir && strings.HasPrefix(e.To, o.To+"/") && e.From == o.From+strings.TrimPrefix(e.To, o.To)
		}) {
			continue
		}
		places[e.To] = true
		out = append(out, e)
	}
	return out
}

// Installed is the program's name in the image: its own, unless a directory that
// production holds has that name.
func Installed(program string, held []Held) string {
	at := path.Join(WorkDir, program)
	if slices.ContainsFunc(held, func(h Held) bool { return h.To == at || strings.HasPrefix(h.To, at+"/") }) {
		return program + "-service"
	}
	return program
}

// maxHeldCopies is how many instructions copy what production holds; of more,
// the builder puts it together.
const maxHeldCopies = 12

// outFiles is where the builder puts together what production holds.
const outFiles = "/out/files"

// CopyHeld returns the steps that bring files into production: straight from the
// context, so that a changed template compiles nothing; when that were too many,
// by way of the builder, whose sources lie below src and whose further steps are
// returned too.
func CopyHeld(all []Held, src string, owner string) (builder, production []plan.Step) {
	type group struct{ to, owner string }
	files := map[group][]string{}
	var order []group
	for _, e := range all {
		if e.Dir {
			production = append(production, plan.Step{Op: plan.OpCopy, Link: true, Args: []string{e.From + "/", e.To + "/"}})
			continue
		}
		g := group{to: path.Dir(e.To) + "/"}
		if e.Key {
			g.owner = owner
		}
		if path.Base(e.From) != path.Base(e.To) {
			g.to = e.To
		}
		if files[g] == nil {
			order = append(order, g)
		}
		files[g] = append(files[g], e.From)
	}
	for _, g := range order {
		production = append(production, plan.Step{Op: plan.OpCopy, Link: true, Chown: g.owner, Args: append(files[g], g.to)})
	}
	if len(production) <= maxHeldCopies {
		if len(production) > 0 {
			production[0].Comment = "Files that the program opens at run time."
		}
		return nil, production
	}
	return heldInBuilder(all, src)
}

// heldInBuilder copies whole directories to the builder, and of them what
// production holds to a directory that is copied at once.
func heldInBuilder(all []Held, src string) (builder, production []plan.Step) {
	tops := map[string]bool{}
	var command, loose []string
	var dirs []string
	for _, e := range all {
		if top, _, nested := strings.Cut(e.From, "/"); nested || e.Dir {
			tops[top] = true
		} else {
			loose = append(loose, e.From)
		}
		dirs = append(dirs, outFiles+path.Dir(e.To))
		command = append(command, "cp -R "+strings.Join(Quoted([]string{src + "/" + e.From, outFiles + e.To}), " "))
	}
	slices.Sort(dirs)
	for _, top := range sortedNames(tops) {
		builder = append(builder, CopyDir(top))
	}
	if len(loose) > 0 {
		builder = append(builder, plan.Step{Op: plan.OpCopy, Args: append(loose, "./")})
	}
	builder = append(builder, plan.Step{Op: plan.OpRun, Comment: "Files that the program opens at run time.",
		Shell: "mkdir -p " + strings.Join(Quoted(slices.Compact(dirs)), " ") + " && " + strings.Join(command, " && ")})
	return builder, []plan.Step{{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outFiles + "/", "/"}}}
}

func sortedNames(set map[string]bool) []string {
	var out []string
	for name := range set {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
