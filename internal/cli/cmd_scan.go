package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/advisory/osv"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/origin"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/scan"
)

// scanFlags are the flags of `slipway scan`.
type scanFlags struct {
	fleetFlags
	update  bool
	from    string
	only    []string
	failOn  string
	vex     []string
	json    bool
	sarif   string
	by      string
	commits bool
	sign    bool
	key     string
	keyless keylessFlags
}

func (a *app) scanCommand() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan SERVICE | IMAGE | DIR",
		Short: "Find known vulnerabilities and leaked secrets in an image or directory",
		Long: `Match the packages of an image, or of the lock files of a directory, with a database
of vulnerabilities on this machine. Search all layers, variables and the image's history for secrets.
Of images, packages of Debian and Alpine are looked up, and those of Node.js, Python, Go, Java and
Rust. A scan that could look up nothing fails: a manifest without a lock file, an unknown system.
The database comes from a mirror of OSV archives, which SLIPWAY_OSV_MIRROR names, or from
files with --from. Only --update uses the network. Vulnerable functions of Go that are not
compiled in are listed and do not fail the scan.

Slipway's own scan stores the vulnerabilities it finds with the image as a statement (see
slipway evidence); slipway push uploads it. --sign signs the image and its statements when
the scan passes.`,
		Example: `  slipway scan --update --from advisories.zip
  slipway scan fast-orchestrator-service --fail-on high
  slipway scan . --history --sarif scan.sarif`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.update || f.from != "" {
				if err := a.updateAdvisories(cmd.Context(), f); err != nil || len(args) == 0 {
					return err
				}
			}
			if len(args) == 0 {
				return diag.Fail(diag.ExitUsage, "no image, service or directory specified").WithHint("slipway scan SERVICE, or slipway scan .")
			}
			return a.scanAndKeep(cmd.Context(), args[0], f)
		},
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.update, "update", false, "first fetch the advisories from SLIPWAY_OSV_MIRROR")
	fl.StringVar(&f.from, "from", "", "first take the advisories from this directory or zip file")
	fl.StringSliceVar(&f.only, "ecosystem", nil, "ecosystems to fetch, such as npm,Debian (default: all)")
	fl.StringVar(&f.failOn, "fail-on", "critical", "exit with 4 from this severity on: critical, high, medium, low or none (secrets always fail)")
	fl.StringArrayVar(&f.vex, "vex", nil, "OpenVEX document that dismisses vulnerabilities with a reason")
	fl.StringVar(&f.by, "scanner", "", "use an installed scanner: grype, trivy, snyk, clair, or a command with {layout} or {archive}")
	fl.BoolVar(&f.commits, "history", false, "search the git commits of the directory for secrets too")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.StringVar(&f.sarif, "sarif", "", "write the result as SARIF to this file")
	fl.BoolVar(&f.sign, "sign", false, "sign the image when the scan passes, and the statements about it")
	fl.StringVar(&f.key, "key", "", "private key of --sign: a file, or env://NAME (also $SLIPWAY_KEY)")
	f.keyless.registerSwitch(fl, keylessSwitch)
	return cmd
}

// scanAndKeep scans, prints, and keeps the result beside an image.
func (a *app) scanAndKeep(ctx context.Context, word string, f scanFlags) error {
	limit, err := limitOf(f.failOn)
	if err != nil {
		return err
	}
	if f.sign && limit == "" {
		return diag.Fail(diag.ExitUsage, "--sign signs what passed the scan, and --fail-on none lets everything pass").WithHint("slipway sign %s signs without a scan", word)
	}
	if f.sign && isPath(word) {
		return diag.Fail(diag.ExitUsage, "--sign signs an image, and %s is a directory", word).WithHint("slipway scan SERVICE --sign, or remove --sign")
	}
	signer, err := a.signer("scan", f.sign, f.key, f.keyless)
	if err != nil {
		return err
	}
	began := time.Now()
	result, err := a.scan(ctx, word, f)
	if err != nil {
		return err
	}
	if err := a.printScan(result, f); err != nil {
		return err
	}
	verdict := judged(result, limit, word)
	if result.Directory != "" {
		return verdict
	}
	store, err := a.state.Images(event.Discard{})
	if err == nil {
		err = evidence.Keeper{Store: store, Signer: signer, Version: Version}.Scanned(ctx, result, began, time.Now(), verdict == nil)
	}
	return errors.Join(err, verdict)
}

// limitOf is the severity from which a scan fails, "" for none.
func limitOf(word string) (advisory.Severity, error) {
	switch s := advisory.Severity(word); s {
	case advisory.Critical, advisory.High, advisory.Medium, advisory.Low:
		return s, nil
	case "none":
		return "", nil
	}
	return "", diag.Fail(diag.ExitUsage, "unknown severity %q", word).WithHint("--fail-on critical, high, medium, low or none")
}

// updateAdvisories replaces the database of vulnerabilities.
func (a *app) updateAdvisories(ctx context.Context, f scanFlags) error {
	o := osv.Options{Mirror: a.Getenv("SLIPWAY_OSV_MIRROR"), Ecosystems: f.only, Now: time.Now(), Fetch: osv.HTTP(http.DefaultClient, time.Now)}
	if f.from != "" {
		o.From = a.path(f.from)
	}
	if o.From == "" && o.Mirror == "" {
		return diag.Fail(diag.ExitUsage, "no mirror of advisories is configured").
			WithHint("set SLIPWAY_OSV_MIRROR to the address of a copy of the OSV archives, or use --from DIR or ZIP")
	}
	for _, name := range o.Ecosystems {
		if known := advisory.Ecosystems(); !strings.Contains(" "+strings.Join(known, " ")+" ", " "+name+" ") {
			return diag.Fail(diag.ExitUsage, "unknown ecosystem %q", name).WithHint("use %s", strings.Join(known, ", "))
		}
	}
	about, err := osv.Update(ctx, a.advisories(), o)
	if err != nil {
		return err
	}
	for _, name := range advisory.Ecosystems() {
		if e, ok := about.Ecosystems[name]; ok {
			fmt.Fprintf(a.Stderr, "%s: %d advisories, the newest of %s\n", name, e.Records, e.Updated.UTC().Format("2006-01-02"))
		}
	}
	return nil
}

// advisories is the directory of the database.
func (a *app) advisories() string { return filepath.Join(a.state.Path, "advisories") }

// isPath tells whether a word means a path, not an image.
func isPath(word string) bool {
	return strings.HasPrefix(word, ".") || strings.HasPrefix(word, "/")
}

// scan looks at a directory, else at an image.
func (a *app) scan(ctx context.Context, word string, f scanFlags) (scan.Result, error) {
	o := scan.Options{Database: a.advisories()}
	for _, file := range f.vex {
		data, err := repository.ReadNamed(a.path(file), a.Dir)
		if err != nil {
			return scan.Result{}, diag.Fail(diag.ExitUsage, "cannot read %s", file).Because(err)
		}
		v, err := advisory.ParseVEX(data)
		if err != nil {
			return scan.Result{}, diag.Fail(diag.ExitUsage, "%s is not a usable OpenVEX document", file).Because(err).WithHint("see github.com/openvex/spec")
		}
		o.VEX = append(o.VEX, v)
	}
	if isPath(word) {
		if info, err := os.Stat(a.path(word)); err != nil || !info.IsDir() {
			return scan.Result{}, diag.Fail(diag.ExitUsage, "%s is not a directory", word).WithHint("slipway scan SERVICE scans an image")
		}
		return a.scanDirectory(ctx, word, f, o)
	}
	if f.commits {
		return scan.Result{}, diag.Fail(diag.ExitUsage, "--history is for directories").WithHint("slipway scan . --history")
	}
	subject, planned, err := a.subject(ctx, word, f.fleetFlags)
	if err != nil {
		return scan.Result{}, err
	}
	if by := a.scanner(word, f); by != "" {
		store, err := a.state.Images(event.Discard{})
		if err != nil {
			return scan.Result{}, err
		}
		return scan.External(ctx, store, subject, by, o.VEX)
	}
	return scan.Image(subject, planned, o)
}

// scanner is the installed program that scans an image, "" for slipway itself: that of
// the flag, the environment or slipway.yaml.
func (a *app) scanner(word string, f scanFlags) string {
	if by := cmp.Or(f.by, a.Getenv("SLIPWAY_SCANNER")); by != "" {
		return by
	}
	loader := a.fleets()
	loader.Warn = func(diag.Findings) {} // told when the image was looked up
	fl, _, err := loader.Choose(a.Dir, []string{word}, f.Overrides)
	if err != nil { // an image by its name
		return ""
	}
	return fl.Scanner
}

// scanDirectory scans a source tree, and its history where that is asked for.
func (a *app) scanDirectory(ctx context.Context, word string, f scanFlags, o scan.Options) (scan.Result, error) {
	r, err := scan.Directory(word, repository.FS(a.path(word)), o)
	if err != nil || !f.commits {
		return r, err
	}
	return r, r.Commits(ctx, origin.Source{Dir: filepath.Join(a.state.Path, "contexts"), Environ: os.Environ()}, a.path(word))
}

// printScan prints a result.
func (a *app) printScan(r scan.Result, f scanFlags) error {
	a.warn(r.Warnings(time.Now()))
	if f.sarif != "" {
		data, err := r.SARIF(Version)
		if err != nil {
			return err
		}
		if err := a.writeResult(f.sarif, data); err != nil {
			return err
		}
	}
	switch {
	case f.json:
		return a.printJSON(r)
	case f.sarif == "-":
		return nil
	}
	return r.Write(a.Stdout)
}

// judged is how a scan ends: nothing passes that was not looked at. The severities of
// vulnerabilities have a limit, secrets have none.
func judged(r scan.Result, limit advisory.Severity, word string) error {
	if why := r.NotSearched(); why != "" && limit != "" {
		hint := "slipway scan --update, with SLIPWAY_OSV_MIRROR or --from; --fail-on none accepts it"
		switch {
		case r.Database != nil && len(r.Unpinned) > 0:
			hint = "commit a lock file, or scan the built image: slipway scan SERVICE; --fail-on none accepts it"
		case r.Database != nil:
			hint = "see the warning; --fail-on none accepts it"
		}
		return diag.Fail(diag.ExitUsage, "the vulnerabilities of %s are not known: %s", word, why).WithHint("%s", hint)
	}
	if limit != "" && r.Worst(limit) > 0 {
		return diag.Fail(diag.ExitGate, "%s of severity %s or worse", amount(r.Worst(limit), "vulnerability", "vulnerabilities"), limit).
			WithHint("update the packages to the fixed versions, or dismiss with --vex what does not affect the service")
	}
	if len(r.Secrets) > 0 {
		return diag.Fail(diag.ExitGate, "%s found", amount(len(r.Secrets), "secret", "secrets")).
			WithHint("revoke them, and pass secrets at run time or with RUN --mount=type=secret")
	}
	return nil
}

func amount(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
