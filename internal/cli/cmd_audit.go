package cli

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/audit"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/report"
)

// auditFlags are the flags of `slipway audit`.
type auditFlags struct {
	environment, since string
	limit              int
	json               bool
}

func (a *app) auditCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List, verify and export the record of releases and deploys",
		Long: `List what was released and deployed from this machine, by whom and with which result,
the newest last. Each record has the hash of the one before, and checkpoints are signed:
slipway audit verify finds every change, and its place.`,
		Example: `  slipway audit --environment production --since 30d
  slipway audit verify
  slipway audit -n 20 --environment production`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.listAudit(f) },
	}
	cmd.Flags().StringVar(&f.environment, "environment", "", "list the records of this environment")
	cmd.Flags().StringVar(&f.since, "since", "", "list the records since a day (2026-10-01), a time (RFC 3339), or for so long (36h, 30d)")
	cmd.Flags().IntVarP(&f.limit, "limit", "n", 20, "maximum number of records; 0 lists all")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.AddCommand(a.auditVerifyCommand(), a.auditExportCommand(), a.auditCheckpointCommand(), a.auditRenewCommand())
	return cmd
}

func (a *app) listAudit(f auditFlags) error {
	since, err := moment("--since", f.since, time.Now())
	if err != nil {
		return err
	}
	files, err := audit.Read(a.state.AuditDir())
	if err != nil {
		return err
	}
	all := []audit.Record{}
	for _, r := range files.Records() {
		if (f.environment == "" || r.Environment == f.environment) && !r.At.Before(since) {
			all = append(all, r)
		}
	}
	if f.limit > 0 && len(all) > f.limit {
		all = all[len(all)-f.limit:]
	}
	if found := files.Verify(audit.Trust{}); !found.OK() {
		fmt.Fprintf(a.Stderr, "warning: the log was changed: %s; run slipway audit verify\n", countedProblems(found))
	}
	if f.json {
		return a.printJSON(all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(a.Stderr, "there are no such records; slipway release writes the first")
		return err
	}
	var rows [][]string
	for _, r := range all {
		cells := []string{strconv.FormatUint(r.Seq, 10), r.At.Local().Format(runTime), string(r.Action), r.Environment, r.Fleet, r.Version, r.Actor.Name, r.Result}
		for i, c := range cells {
			cells[i] = diag.Printable(cmp.Or(c, "-"))
		}
		rows = append(rows, cells)
	}
	return report.Table(a.Stdout, []string{"RECORD", "<TIME", "<ACTION", "<ENVIRONMENT", "<FLEET", "<VERSION", "<BY", "<RESULT"}, rows)
}

// moment reads a time of a flag; the zero time when it is not given.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, diag.Fail(diag.ExitUsage, "%s %q is no time", flag, text).WithHint("write a day (2026-10-01), a time (2026-10-01T12:00:00Z), or how long ago (36h, 30d)")
}

func countedProblems(r audit.Report) string {
	if len(r.Problems) == 1 {
		return "1 problem"
	}
	return fmt.Sprintf("%d problems", len(r.Problems))
}

// trustFlags are the flags of a verification.
type trustFlags struct{ keys, heads []string }

func (f *trustFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.keys, "key", nil, "public key of those who may sign checkpoints (repeatable); otherwise the keys beside the log")
	cmd.Flags().StringArrayVar(&f.heads, "head", nil, "head that was kept elsewhere, RECORD:SHA256 (repeatable)")
}

func (a *app) trust(f trustFlags) (t audit.Trust, err error) {
	for _, text := range f.heads {
		p, err := audit.ParsePoint(text)
		if err != nil {
			return t, err
		}
		t.Kept = append(t.Kept, p)
	}
	t.Keys, err = a.keyring().Public(f.keys)
	return t, err
}

// auditFiles are those of this machine, or of a copy.
func (a *app) auditFiles(args []string) (audit.Files, error) {
	if len(args) == 1 {
		return audit.ReadCopy(a.path(args[0]))
	}
	return audit.Read(a.state.AuditDir())
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var f trustFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Verify that no record was changed, removed, moved or inserted",
		Long: `Verify the audit log of this machine, or a copy of it: a file, with the other files of
its directory beside it. Each problem is printed with the number of its record.

Whoever may write the log may also use the key beside it, and can write a whole other
log. Keep the printed head elsewhere, and give it with --head: no other log has it.
--key accepts no other keys than those.`,
		Example: `  slipway audit verify
  slipway audit verify --head 61:… --key audit.pub
  slipway audit verify copy/log.jsonl --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			trust, err := a.trust(f)
			if err != nil {
				return err
			}
			files, err := a.auditFiles(args)
			if err != nil {
				return err
			}
			found := files.Verify(trust)
			if asJSON {
				err = a.printJSON(found)
			} else {
				a.printVerification(found)
			}
			return cmp.Or(err, refusedLog(found))
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printVerification(r audit.Report) {
	for _, line := range r.Lines() {
		fmt.Fprintln(a.Stdout, diag.Printable(line))
	}
	fmt.Fprintln(a.Stdout, r.Summary())
	if r.Records > 0 {
		fmt.Fprintln(a.Stdout, "head "+r.Head.String())
	}
	for _, n := range r.Notes {
		fmt.Fprintln(a.Stderr, "note: "+diag.Printable(n))
	}
	if r.OK() && r.Records > 0 {
		fmt.Fprintln(a.Stderr, "keep the head elsewhere; slipway audit verify --head finds a log that was written anew")
	}
}

// refusedLog is the error of a log that was changed.
func refusedLog(r audit.Report) error {
	if r.OK() {
		return nil
	}
	return diag.Fail(diag.ExitGate, "the audit log is not as slipway wrote it: %s", countedProblems(r)).
		WithHint("find out who changed it, from a backup; slipway audit renew --reason TEXT keeps it aside and starts a new one")
}

// exportFlags are the flags of `slipway audit export`.
type exportFlags struct {
	trust                       trustFlags
	standard, out, since, until string
	json                        bool
}

func (a *app) auditExportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export --for soc2|pci-dss|json [FILE]",
		Short: "Write the record as evidence for an audit",
		Long: `Map the records to the controls of a standard: which records are evidence for which
control, how many there are, and what Slipway cannot show. The verification of the
whole log comes first. A table of deploys names the release, gates and approval of each,
and what is to be explained.

--for json writes the records themselves. With --json the export for a standard is JSON,
otherwise Markdown. When the log was changed, the export is written and the exit code
is 4.`,
		Example: `  slipway audit export --for soc2 --since 2025-10-01 --until 2026-10-01 -o audit.md
  slipway audit export --for pci-dss --json
  slipway audit export --for json -o records.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.exportAudit(args, f) },
	}
	f.trust.register(cmd)
	cmd.Flags().StringVar(&f.standard, "for", "", "soc2, pci-dss or json")
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "write to this file instead of standard output")
	cmd.Flags().StringVar(&f.since, "since", "", "begin of the period: a day, a time (RFC 3339), or how long ago (36h, 30d)")
	cmd.Flags().StringVar(&f.until, "until", "", "end of the period, which does not belong to it")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) exportAudit(args []string, f exportFlags) error {
	now := time.Now()
	since, err := moment("--since", f.since, now)
	if err != nil {
		return err
	}
	until, err := moment("--until", f.until, now)
	if err != nil {
		return err
	}
	trust, err := a.trust(f.trust)
	if err != nil {
		return err
	}
	var standard audit.Standard
	if f.standard != "json" {
		if standard, err = audit.StandardOf(f.standard); err != nil {
			return err
		}
	}
	files, err := a.auditFiles(args)
	if err != nil {
		return err
	}
	period := audit.Period{From: since.UTC(), To: until.UTC()}
	found, print, err := exportOf(files, standard, trust, period, f.json)
	if err != nil {
		return err
	}
	if f.out == "" {
		return cmp.Or(print(a.Stdout), refusedLog(found))
	}
	var text strings.Builder
	if err := print(&text); err != nil {
		return err
	}
	if err := atomicfile.Write(a.path(f.out), []byte(text.String()), atomicfile.Options{Mode: 0o600}); err != nil {
		return diag.Fail(diag.ExitUsage, "cannot write %s", f.out).Because(err)
	}
	fmt.Fprintf(a.Stderr, "wrote %s\n", f.out)
	return refusedLog(found)
}

// exportOf makes an export: its verification, and what prints it.
func exportOf(files audit.Files, standard audit.Standard, trust audit.Trust, period audit.Period, asJSON bool) (audit.Report, func(io.Writer) error, error) {
	if standard.Word == "" {
		all, err := files.ExportAll(trust, period, time.Now())
		return all.Verification, func(w io.Writer) error { return report.JSON(w, all) }, err
	}
	e := files.ExportFor(standard, trust, period, time.Now())
	return e.Verification, func(w io.Writer) error {
		if asJSON {
			return report.JSON(w, e)
		}
		_, err := io.WriteString(w, e.Markdown())
		return err
	}, nil
}

func (a *app) auditCheckpointCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Sign the record up to now, and print the head to keep elsewhere",
		Long: `Write a signed checkpoint, and print the head of the log. Slipway does so itself after
each 20 records and each deploy, with the key of this machine. With --key another key
signs, such as one that only auditors have: any key that slipway sign takes.`,
		Example: `  slipway audit checkpoint
  slipway audit checkpoint --key env://AUDIT_KEY`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var signer *attest.Signer
			if key != "" {
				var err error
				if signer, err = a.keyring().Private(key); err != nil {
					return err
				}
			}
			log, err := audit.Open(a.state.AuditDir())
			if err != nil {
				return err
			}
			head, err := log.Checkpoint(signer)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Stdout, head)
			fmt.Fprintf(a.Stderr, "keep this elsewhere; later: slipway audit verify --head %s\n", head)
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "private key: a file, or env://NAME")
	return cmd
}

func (a *app) auditRenewCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "renew --reason TEXT",
		Short: "Keep a changed log aside, and start a new one",
		Long: `Move an audit log that was changed aside, and start a new one. The first record of the
new one has the reason, the person, and the head and first problem of the old one.
Until then, commands that record something refuse to work.`,
		Example: `  slipway audit renew --reason "the disk failed; restored from the backup of Monday"`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if strings.TrimSpace(reason) == "" {
				return diag.Fail(diag.ExitUsage, "a new log needs a reason").WithHint("slipway audit renew --reason TEXT")
			}
			log, err := audit.Unsettled(a.state.AuditDir())
			if err != nil {
				return err
			}
			aside, err := log.Renew(reason)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "the old log is in %s\n", aside)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; the first record of the new log has it")
	return cmd
}
