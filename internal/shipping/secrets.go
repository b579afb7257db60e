package shipping

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/repository"
)

// secretTime bounds a command that prints a secret.
const secretTime = time.Minute

// value reads a secret. No message shows any of it.
func (o Order) value(ctx context.Context, s config.EnvironmentSecret) ([]byte, error) {
	name := s.Name + s.Target
	fail := func(err error, hint string, args ...any) error {
		return diag.Fail(diag.ExitUsage, "the secret %s of %s cannot be read from %s", name, o.Environment.Name, s.Source()).Because(err).WithHint(hint, args...)
	}
	switch {
	case s.File != "":
		data, err := repository.ReadFile(o.Fleet.Root, s.File)
		if err != nil {
			return nil, fail(err, "create the file, beside slipway.yaml, and keep it out of git")
		}
		return trimmed(data, s), nil
	case s.Env != "":
		v, ok := o.Lookup(s.Env)
		if !ok {
			return nil, fail(nil, "set it: export %s=…", s.Env)
		}
		return []byte(v), nil
	case len(s.Command) > 0:
		ctx, cancel := context.WithTimeout(ctx, secretTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, s.Command[0], s.Command[1:]...)
		cmd.Dir = o.Fleet.Root
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			return nil, fail(err, "run it by hand to see why: %s", strings.Join(s.Command, " "))
		}
		return trimmed(out.Bytes(), s), nil
	}
	return nil, fail(nil, "a host has no Kubernetes Secrets: use file, env or command")
}

// trimmed is a value of a variable without the line end of its file.
func trimmed(data []byte, s config.EnvironmentSecret) []byte {
	if s.Name == "" {
		return data
	}
	return bytes.TrimRight(data, "\r\n")
}

// onHost is a file of a route as the host finds it.
func (o Order) onHost(file string) string {
	if file == "" || path.IsAbs(file) {
		return file
	}
	return filepath.Join(o.Fleet.Root, file)
}

func cutPort(address string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, "", false
	}
	return host, port, true
}
