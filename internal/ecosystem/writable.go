package ecosystem

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// maxWritable is the most directories that one image makes for what the program
// writes.
const maxWritable = 16

// writableStage makes the directories that the program writes to. It starts from
// nothing and runs nothing: WORKDIR makes a directory of the user that USER says.
// Directories above them stay root's, so that the program cannot replace its own
// code. The zero stage means that there are none.
func writableStage(dirs []string, u config.User) plan.Stage {
	dirs = absolute(dirs)
	if len(dirs) == 0 {
		return plan.Stage{}
	}
	st := plan.Stage{
		Name: plan.StageWritable, From: plan.Scratch,
		Comment: "Directories that the program writes to. Root owns their parents.",
	}
	made := map[string]bool{}
	for _, d := range dirs {
		above := path.Dir(d)
		if above == "/" || made[above] || below(above, dirs) {
			continue
		}
		made[above] = true
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpWorkdir, Args: []string{above}})
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpUser, Args: []string{fmt.Sprintf("%d:%d", u.UID, u.GID)}})
	for _, d := range dirs {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpWorkdir, Args: []string{d}})
	}
	return st
}

// below reports a directory that is one of some, or lies in one.
func below(dir string, all []string) bool {
	return slices.ContainsFunc(all, func(d string) bool { return strings.HasPrefix(dir+"/", d+"/") })
}

// copyWritable is the last copy of production: its directories win over those of
// the same path that the sources brought.
func copyWritable(dirs []string) []plan.Step {
	if len(absolute(dirs)) == 0 {
		return nil
	}
	return []plan.Step{{Op: plan.OpCopy, Link: true, From: plan.StageWritable, Args: []string{"/", "/"}}}
}

// withWritable puts the stage of those directories before production.
func (s *Service) withWritable(stages []plan.Stage) []plan.Stage {
	if s.made.Name == "" || len(stages) == 0 {
		return stages
	}
	return slices.Insert(slices.Clone(stages), len(stages)-1, s.made)
}

// absolute returns directories, of which relative ones lie below WorkDir, sorted
// and each once, without those that no image gives away.
func absolute(dirs []string) []string {
	var out []string
	for _, d := range dirs {
		if !path.IsAbs(d) {
			d = path.Join(WorkDir, d)
		}
		if d = path.Clean(d); WritablePath(d) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxWritable)]
}

// WritablePath reports an absolute path that an image may give to its user: none
// of the system, and no parent of what the image brings.
func WritablePath(dir string) bool {
	parts := strings.Split(strings.TrimPrefix(path.Clean(dir), "/"), "/")
	least := 1 // parts
	switch parts[0] {
	case "", "bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "tmp", "usr":
		return false
	case "home", "opt", "mnt":
		least = 2
	case "var":
		least = 3
	}
	return path.IsAbs(dir) && len(parts) >= least && !slices.Contains([]string{"/opt/venv", "/opt/java", "/opt/tools"}, path.Clean(dir))
}

// Writes notes a directory that the program writes to, for which production gets
// one of the user's: below the working directory, or elsewhere outside of the
// system. The image takes them from Writable.
func (s *Service) Writes(dir, evidence, file string, line int) {
	if !path.IsAbs(dir) {
		dir = path.Join(WorkDir, dir)
	}
	dir = path.Clean(dir)
	if !WritablePath(dir) || slices.Contains(s.writable, dir) || len(s.writable) == maxWritable {
		return
	}
	s.writable = append(s.writable, dir)
	s.Fact("writable", dir, evidence, file, line)
}

// writeWhereWanted takes the directories that slipway.yaml names.
func (s *Service) writeWhereWanted() {
	for _, dir := range s.Want.Writable {
		full := dir
		if !path.IsAbs(full) {
			full = path.Join(WorkDir, full)
		}
		if !WritablePath(full) {
			s.OnConfig(CodeNotWritable, "write a directory below the working directory, or one of your own such as /data", "writable: %s belongs to the system, and no image gives it to its user", dir)
			continue
		}
		s.writable = append(s.writable, path.Clean(full))
		s.Configured("writable", path.Clean(full))
	}
}

// CodeNotWritable: writable: names a directory of the system. A code has one meaning
// for ever.
const CodeNotWritable = "SLP330"

// Writable are the directories that Writes noted, absolute and sorted.
func (s *Service) Writable() []string { return absolute(s.writable) }
