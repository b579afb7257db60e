package proof

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// account is the user that the program runs as.
type account struct {
	name   string // as findings say it
	uid    uint32
	groups []uint32
	home   string
	known  bool // false: permissions cannot be judged

	nameless bool // a number without a record in /etc/passwd
}

// fields returns the records of /etc/passwd or /etc/group.
func (c *check) fields(file string) [][]string {
	f, _ := c.tree.Lookup(file)
	var out [][]string
	for line := range strings.Lines(f.Text) {
		if record := strings.Split(strings.TrimSpace(line), ":"); len(record) >= 4 {
			out = append(out, record)
		}
	}
	return out
}

func number(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil
}

// findUser reads the image's user as container runtimes do: names come from the
// image's own accounts, numbers need none.
func (c *check) findUser() {
	name, group, hasGroup := strings.Cut(c.Config.User, ":")
	if name == "" {
		name = "0"
	}
	c.user = account{name: name, home: "/"}
	uid, numeric := number(name)
	c.user.uid, c.user.known, c.user.nameless = uid, numeric, numeric
	gid, login := uint32(0), name
	for _, r := range c.fields("/etc/passwd") {
		id, ok := number(r[2])
		if !ok || r[0] != name && (!numeric || id != uid) {
			continue
		}
		c.user.uid, c.user.known, login = id, true, r[0]
		c.user.nameless = false
		if g, ok := number(r[3]); ok {
			gid = g
		}
		if len(r) > 5 && r[5] != "" {
			c.user.home = r[5]
		}
		break
	}
	if g, ok := number(group); ok && hasGroup {
		gid = g
	}
	c.user.groups = []uint32{gid}
	found := !hasGroup || group == ""
	for _, r := range c.fields("/etc/group") {
		g, ok := number(r[2])
		if !ok {
			continue
		}
		if r[0] == group {
			c.user.groups[0], found = g, true
		}
		if !hasGroup && slices.Contains(strings.Split(r[3], ","), login) {
			c.user.groups = append(c.user.groups, g)
		}
	}
	_, numericGroup := number(group)
	switch {
	case !c.user.known:
		c.broken(CodeAccount, c.userPlace(), "use a number, such as USER 1001:1001, or add the account to /etc/passwd",
			"the image runs as the user %q, which is not in its /etc/passwd", name)
	case !found && !numericGroup:
		c.broken(CodeAccount, c.userPlace(), "use a number, such as USER 1001:1001, or add the group to /etc/group",
			"the image runs in the group %q, which is not in its /etc/group", group)
	}
	if home := c.env["HOME"]; home != "" {
		c.user.home = home
	}
}

func (c *check) userPlace() diag.Place {
	if c.Service.Dockerfile == "" {
		return c.startPlace()
	}
	return diag.Place{File: c.Service.Dockerfile, Line: c.instruction("USER")}
}

// may tells whether the user has a right to a file: 4 reads, 2 writes, 1 executes
// or searches.
func (c *check) may(f layer.File, right uint16) bool {
	if !c.user.known {
		return true
	}
	if c.user.uid == 0 {
		return right != 1 || f.Kind == layer.Directory || f.Mode&0o111 != 0
	}
	mode := f.Mode
	switch {
	case f.UID == c.user.uid:
		mode >>= 6
	case slices.Contains(c.user.groups, f.GID):
		mode >>= 3
	}
	return mode&right == right
}

// closedTo returns the first directory above a path that the user may not search.
func (c *check) closedTo(real string) (string, bool) {
	dirs := []string{}
	for dir := path.Dir("/" + real); dir != "/"; dir = path.Dir(dir) {
		dirs = append(dirs, dir)
	}
	for _, dir := range slices.Backward(dirs) {
		if f, ok := c.tree.Lookup(dir); ok && !c.may(f, 1) {
			return dir, true
		}
	}
	return "", false
}

// mayWriteBelow tells whether the user may make something at a path: it may write
// to what exists there, or to the nearest directory that does.
func (c *check) mayWriteBelow(p string) (owner layer.File, ok bool) {
	for ; ; p = path.Dir(p) {
		f, exists := c.tree.Lookup(p)
		if exists {
			_, closed := c.closedTo(f.Path)
			right := uint16(2)
			if f.Kind == layer.Directory {
				right = 3
			}
			return f, c.may(f, right) && !closed
		}
		if p == "/" {
			return f, false
		}
	}
}
