// Command security-scan searches the file system that it runs in for known
// vulnerabilities and secrets: in a stage of a Dockerfile, before its image exists.
//
//	RUN security-scan --fail-on-critical
//
// It downloads nothing: --database names a database that `slipway scan --update` made,
// or a directory or archive of OSV records.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/advisory/osv"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/scan"
)

func main() {
	os.Exit(int(run(context.Background(), os.Args[1:], os.Getenv, os.Stdout, os.Stderr)))
}

// options are the flags.
type options struct {
	database, root, reports, failOn string
	critical, unknown               bool
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) diag.ExitCode {
	var o options
	f := flag.NewFlagSet("security-scan", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.database, "database", cmp.Or(getenv("SLIPWAY_ADVISORIES"), "/usr/local/share/slipway/advisories"), "database of vulnerabilities, or OSV records")
	f.StringVar(&o.root, "root", "/", "directory to scan")
	f.StringVar(&o.reports, "reports", "", "write scan.json and scan.sarif to this directory")
	f.StringVar(&o.failOn, "fail-on", "none", "exit with 4 from this severity on: critical, high, medium, low or none (secrets always fail)")
	f.BoolVar(&o.critical, "fail-on-critical", false, "the same as --fail-on critical")
	f.BoolVar(&o.unknown, "allow-unknown", false, "pass without a database of vulnerabilities")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return diag.ExitOK
		}
		return diag.ExitUsage
	}
	if o.critical {
		o.failOn = string(advisory.Critical)
	}
	limit := advisory.Severity(o.failOn)
	if o.failOn != "none" && limit.Rank() > advisory.Low.Rank() || f.NArg() > 0 {
		fmt.Fprintln(stderr, "security-scan: use --fail-on critical, high, medium, low or none, and --root DIR")
		return diag.ExitUsage
	}
	r, err := search(ctx, o)
	if err == nil {
		err = errors.Join(report(r, o.reports), r.Write(stdout))
	}
	if err != nil {
		fmt.Fprintf(stderr, "security-scan: %v\n", err)
		if hint := diag.HintOf(err); hint != "" {
			fmt.Fprintf(stderr, "  hint: %s\n", hint)
		}
		return diag.ExitOf(err)
	}
	for _, w := range r.Warnings(time.Now()) {
		fmt.Fprintln(stderr, w.String())
	}
	return verdict(r, o, limit, stderr)
}

// verdict is how the search ends.
func verdict(r scan.Result, o options, limit advisory.Severity, stderr io.Writer) diag.ExitCode {
	severities := o.failOn != "none" // which is not about secrets
	switch why := r.NotSearched(); {
	case severities && r.Database == nil && !o.unknown:
		fmt.Fprintf(stderr, "security-scan: vulnerabilities are not known: there is no database in %s\n  hint: mount one there, or pass --allow-unknown\n", o.database)
		return diag.ExitGate
	case severities && why != "" && !o.unknown:
		fmt.Fprintf(stderr, "security-scan: vulnerabilities are not known: %s\n  hint: pass --allow-unknown\n", why)
		return diag.ExitGate
	case severities && r.Worst(limit) > 0:
		fmt.Fprintf(stderr, "security-scan: vulnerabilities of severity %s or worse: %d\n", limit, r.Worst(limit))
		return diag.ExitGate
	case len(r.Secrets) > 0:
		fmt.Fprintf(stderr, "security-scan: secrets: %d\n", len(r.Secrets))
		return diag.ExitGate
	}
	return diag.ExitOK
}

// search scans the root. Records that are no database yet become one for this run.
func search(ctx context.Context, o options) (scan.Result, error) {
	dir := o.database
	if info, err := os.Stat(dir); err == nil {
		if _, err := os.Stat(filepath.Join(dir, "current")); err != nil || !info.IsDir() {
			made, err := os.MkdirTemp("", "advisories-")
			if err != nil {
				return scan.Result{}, err
			}
			defer os.RemoveAll(made)
			if _, err := osv.Update(ctx, made, osv.Options{From: dir, Now: time.Now()}); err != nil {
				return scan.Result{}, err
			}
			dir = made
		}
	}
	return scan.Tree(o.root, os.DirFS(o.root), scan.Options{Database: dir})
}

// report writes the result for other programs.
func report(r scan.Result, dir string) error {
	if dir == "" {
		return nil
	}
	sarif, err := r.SARIF("")
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "scan.json"), append(data, '\n'), 0o644), os.WriteFile(filepath.Join(dir, "scan.sarif"), sarif, 0o644))
}
