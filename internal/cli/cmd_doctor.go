package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/host"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/rootless"
	"github.com/slipway-build/slipway/internal/state"
)

// finding of one check: what was looked at, how it is, and the command that
// fixes it when it is not well.
type checkup struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
	// Optional says that commands work without it, some of them with less.
	Optional bool `json:"optional,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	var asJSON, repair bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Report what this machine lacks, and the command that fixes it",
		Long: `Report what this machine lacks, and the command that fixes it.

With --repair, read everything in the state directory first: compare every blob
with its digest, read the databases of the build engine, and remove leftovers of
killed commands. What is damaged is removed or moved aside; the next build makes
it again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Without user namespaces the checks say so from outside of one.
			if os.Geteuid() == 0 || rootless.Available() == nil {
				if err := a.becomeRoot(cmd.Context()); err != nil {
					return err
				}
			}
			var checks []checkup
			if repair {
				checks = a.repair(cmd.Context())
			}
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			checks = append(checks, a.examine(cmd.Context())...)
			if asJSON {
				if err := a.printJSON(checks); err != nil {
					return err
				}
			} else {
				printCheckups(a, checks)
			}
			for _, c := range checks {
				if !c.OK && !c.Optional {
					return diag.Fail(diag.ExitUsage, "this machine is not ready: %s", c.Check).WithHint("%s", c.Fix)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "check everything in the state directory, and remove what is damaged")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// repair looks at all of the state directory.
func (a *app) repair(ctx context.Context) []checkup {
	screen := a.newScreen(nil)
	defer screen.Close()
	var checks []checkup
	for _, r := range a.state.Repair(ctx, screen) {
		c := checkup{Check: r.Part, OK: r.Err == nil, Found: r.Found}
		if r.Err != nil {
			c.Found, c.Fix = r.Err.Error(), cmp.Or(diag.HintOf(r.Err), "run slipway doctor --repair as the owner of "+a.state.Path)
		}
		checks = append(checks, c)
	}
	return checks
}

func printCheckups(a *app, checks []checkup) {
	for _, c := range checks {
		mark := "ok     "
		if !c.OK {
			mark = "missing"
			if c.Optional {
				mark = "note   "
			}
		}
		fmt.Fprintf(a.Stdout, "%s  %-18s %s\n", mark, c.Check, c.Found)
		if !c.OK {
			fmt.Fprintf(a.Stdout, "         %-18s → %s\n", "", c.Fix)
		}
	}
}

// examine runs every check, in the order in which a build needs them.
func (a *app) examine(ctx context.Context) []checkup {
	checks := append([]checkup{checkSystem(), checkPrivileges()}, checkSubordinateIDs()...)
	checks = append(checks, a.checkState(), checkOverlay(a.state.Path), a.checkRunc(), checkProbes())
	checks = append(checks, a.checkMirrors(ctx)...)
	return append(checks, a.checkCertificates(), checkEmulation())
}

func checkSystem() checkup {
	return checkup{
		Check: "system", Found: fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		OK: runtime.GOOS == "linux", Fix: "run slipway on Linux, or use a remote engine there",
	}
}

func (a *app) checkState() checkup {
	c := checkup{Check: "state directory", Found: a.state.Path, Fix: "export SLIPWAY_STATE_DIR=DIR, with a writable directory"}
	if err := os.MkdirAll(a.state.Path, 0o700); err != nil {
		c.Found = err.Error()
		return c
	}
	probe, err := os.CreateTemp(a.state.Path, ".doctor-*")
	if err != nil {
		c.Found = err.Error()
		return c
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	free, _, err := state.DiskSpace(a.state.Path)
	if err == nil {
		c.Found = fmt.Sprintf("%s, %.1f GB free", a.state.Path, float64(free)/1e9)
		if free < 2e9 {
			c.Fix = "free some space, or export SLIPWAY_STATE_DIR to a larger disk; a fleet requires about 2 GB"
			return c
		}
	}
	c.OK = true
	return c
}

func (a *app) checkRunc() checkup {
	c := checkup{Check: "runc", Fix: "make build, or apt-get install runc"}
	path, err := a.state.Runc()
	if err != nil {
		c.Found = err.Error()
		return c
	}
	c.OK, c.Found = true, path
	return c
}

func checkProbes() checkup {
	c := checkup{Check: "probe binary", Fix: "make build"}
	for _, tls := range []bool{false, true} {
		for _, arch := range []string{"amd64", "arm64"} {
			if _, err := assets.ProbeID(arch, tls); err != nil {
				c.Found = err.Error()
				return c
			}
		}
	}
	c.OK, c.Found = true, "amd64, arm64"
	return c
}

func (a *app) checkCertificates() checkup {
	c := checkup{Check: "certificates", Found: host.CA(a.Getenv), Fix: "apt-get install ca-certificates", Optional: true}
	c.OK = c.Found != ""
	if !c.OK {
		c.Found = "no certificate bundle"
	}
	return c
}

// checkEmulation looks for what starts images of another architecture.
func checkEmulation() checkup {
	c := checkup{Check: "emulation", Optional: true, Fix: "apt-get install qemu-user-static (only to start arm64 images here)"}
	other := map[string]string{"amd64": "qemu-aarch64", "arm64": "qemu-x86_64"}[runtime.GOARCH]
	if _, err := os.Stat("/proc/sys/fs/binfmt_misc/" + other); err != nil {
		c.Found = "images of another architecture can be built here, but not started"
		return c
	}
	c.OK, c.Found = true, other
	return c
}

// checkMirrors looks for the sources of base images.
func (a *app) checkMirrors(ctx context.Context) []checkup {
	m, err := baseimage.FindMirrors(ctx, baseimage.Machine{Root: "/", Getenv: a.Getenv})
	if err != nil {
		return []checkup{{Check: "mirrors", Found: err.Error(), Fix: diag.HintOf(err)}}
	}
	r := m.Registries()
	return []checkup{
		{Check: "Debian mirror", OK: true, Found: plaintext.WithoutLogins(strings.Join(m.Debian, " "))},
		registrySource("npm registry", r.NPM, "set NPM_CONFIG_REGISTRY to the address of an npm registry; only Node.js needs it"),
		registrySource("Go module proxy", strings.Join(r.Go, " "), "set GOPROXY to the address of a module proxy; only Go needs it"),
	}
}

// registrySource is the checkup of an address that some services need.
func registrySource(check, found, fix string) checkup {
	if found == "" {
		return checkup{Check: check, Found: "not configured", Fix: fix}
	}
	return checkup{Check: check, OK: true, Found: plaintext.WithoutLogins(found)}
}
