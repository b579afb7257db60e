package rootless

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/slipway-build/slipway/internal/account"
	"github.com/slipway-build/slipway/internal/diag"
)

// mapping is which ids the namespace has, and how they are set.
type mapping struct {
	uids, gids           []idMap
	newuidmap, newgidmap string // empty: one id, which needs no tool
	why                  string // why there is only one id
}

// hostMapping decides what this user can have on this machine.
func hostMapping() (mapping, error) {
	uid, gid := os.Geteuid(), os.Getegid()
	name := account.Name(uid)
	m := mapping{}
	var missing []string
	for _, part := range []struct {
		file, tool string
		own        int
		table      *[]idMap
		path       *string
	}{
		{"/etc/subuid", "newuidmap", uid, &m.uids, &m.newuidmap},
		{"/etc/subgid", "newgidmap", gid, &m.gids, &m.newgidmap},
	} {
		data, err := os.ReadFile(part.file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return mapping{}, fmt.Errorf("reading %s: %w", part.file, err)
		}
		if *part.table = mapIDs(string(data), name, uid, part.own); len(*part.table) == 1 {
			missing = append(missing, part.file+" gives you no ids")
		}
		if *part.path, err = lookTool(part.tool); err != nil {
			missing = append(missing, part.tool+" is not installed")
		}
	}
	if len(missing) > 0 {
		return mapping{uids: m.uids[:1], gids: m.gids[:1], why: strings.Join(missing, " and ")}, nil
	}
	return m, nil
}

// SubordinateIDs returns nil when builds as this user can have more users than
// one, else what is missing, with the commands that fix it.
func SubordinateIDs() error {
	m, err := hostMapping()
	if err != nil || m.why == "" {
		return err
	}
	uids, errU := os.ReadFile("/etc/subuid")
	gids, errG := os.ReadFile("/etc/subgid")
	if err := errors.Join(errU, errG); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the subordinate ids: %w", err)
	}
	first := max(freeIDs(string(uids)), freeIDs(string(gids)))
	return diag.Fail(diag.ExitUsage, "without root, builds have only user 0: %s", m.why).
		WithHint("sudo apt-get install uidmap && sudo usermod --add-subuids %d-%d --add-subgids %[1]d-%[2]d $USER", first, first+maxSubIDs-1)
}

// write gives a process that waits in its new namespace its ids.
func (m mapping) write(ctx context.Context, pid int) error {
	if m.newuidmap == "" {
		return m.writeOne(pid)
	}
	for _, t := range []struct {
		tool  string
		table []idMap
	}{{m.newuidmap, m.uids}, {m.newgidmap, m.gids}} {
		if out, err := exec.CommandContext(ctx, t.tool, mapArgs(pid, t.table)...).CombinedOutput(); err != nil {
			return diag.Fail(diag.ExitUsage, "%s does not map the ids of /etc/subuid and /etc/subgid: %s", t.tool, strings.TrimSpace(string(out))).
				Because(err).WithHint("it must be owned by root with its set-user-id bit (ls -l %s), and the system must not forbid new privileges; or run slipway as root", t.tool)
		}
	}
	return nil
}

// writeOne maps the user's own id, which the kernel allows to the user's own
// process, provided that groups can no longer be set.
func (m mapping) writeOne(pid int) error {
	for _, f := range [...]struct{ name, text string }{
		{"setgroups", "deny"}, {"uid_map", mapText(m.uids)}, {"gid_map", mapText(m.gids)},
	} {
		path := fmt.Sprintf("/proc/%d/%s", pid, f.name)
		if err := os.WriteFile(path, []byte(f.text), 0); err != nil {
			return diag.Fail(diag.ExitUsage, "builds need root or user namespaces, and this one cannot be set up").Because(err).
				WithHint("slipway doctor")
		}
	}
	return nil
}
