package audit

import (
	"os"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/account"
	"github.com/slipway-build/slipway/internal/diag"
)

// Actor is who ran a command.
type Actor struct {
	Name  string `json:"name"`            // "user@machine"
	UID   int    `json:"uid"`             // -1 where there are none
	Login string `json:"login,omitempty"` // who logged in, where the kernel knows and it is another user: before sudo
}

// Me is the actor of this process. The names are those of the machine's user table.
func Me() Actor {
	uid := outside(os.Getuid())
	a := Actor{Name: userName(uid), UID: uid}
	if login := loginID(); login >= 0 && login != uid {
		a.Login = userName(login)
	}
	if host, err := os.Hostname(); err == nil {
		a.Name += "@" + diag.Printable(host)
	}
	return a
}

func userName(uid int) string {
	if name := account.Name(uid); name != "" {
		return diag.Printable(name)
	}
	return "user " + strconv.Itoa(uid)
}

// loginID is the user who logged in, which no program can change afterwards; -1 where the
// kernel does not say (proc_pid_loginuid(5)).
func loginID() int {
	text, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return -1
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || id == 1<<32-1 {
		return -1
	}
	return outside(int(id))
}

// outside is the user id on the machine of one in this user namespace: an ordinary user is
// root inside (user_namespaces(7)).
func outside(uid int) int {
	table, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return uid
	}
	return mapped(string(table), uid)
}

func mapped(table string, uid int) int {
	for line := range strings.Lines(table) {
		var row [3]int // first id inside, first id outside, how many
		fields := strings.Fields(line)
		if len(fields) != len(row) {
			continue
		}
		for i, f := range fields {
			row[i], _ = strconv.Atoi(f)
		}
		if uid >= row[0] && uid-row[0] < row[2] {
			return row[1] + uid - row[0]
		}
	}
	return uid
}
