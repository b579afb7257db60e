// Package account names the users of this machine, and the machine.
//
//	name := account.Name(os.Getuid())
package account

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"
)

// patience bounds a question to a directory service.
const patience = 2 * time.Second

// getent is where systems have getent(1): a search in PATH would let users choose what the
// audit calls them.
var getent = []string{"/usr/bin/getent", "/bin/getent", "/run/current-system/sw/bin/getent"}

// Name returns the name of a user; "" where nobody has the number. A user whom only a
// directory service knows is asked of getent(1), because slipway links no C library. A
// negative number, as Windows gives, is the user of this process.
func Name(uid int) string {
	id := strconv.Itoa(uid)
	if uid < 0 {
		if u, err := user.Current(); err == nil {
			return u.Username
		}
		return ""
	}
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, program := range getent {
		out, err := exec.CommandContext(ctx, program, "passwd", id).Output()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if line := strings.Split(strings.TrimSpace(string(out)), ":"); err == nil && len(line) > 2 && line[2] == id {
			return line[0]
		}
		break
	}
	return ""
}
