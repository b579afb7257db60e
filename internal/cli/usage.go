package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/internal/diag"
)

// strict makes every command refuse words that it does not know, with the usage
// exit code; a command that only groups others refuses unknown ones.
func strict(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		strict(c)
	}
	if !cmd.Runnable() && cmd.HasSubCommands() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil || errors.As(err, new(*diag.Failure)) {
				return err
			}
			if !tooFew(cmd, check, args) {
				return diag.Fail(diag.ExitUsage, "unexpected argument %q", strings.Join(args, " ")).
					WithHint("%s --help", cmd.CommandPath())
			}
			return diag.Fail(diag.ExitUsage, "`%s` requires more arguments", cmd.CommandPath()).Because(err).WithHint("%s --help", cmd.CommandPath())
		}
	}
}

// tooFew reports whether more arguments would be right.
func tooFew(cmd *cobra.Command, check cobra.PositionalArgs, args []string) bool {
	for more := slices.Clone(args); len(more) < len(args)+3; {
		more = append(more, "x")
		if check(cmd, more) == nil {
			return true
		}
	}
	return len(args) == 0
}

// unknownCommand is the refusal of a command that does not exist.
func unknownCommand(parent *cobra.Command, name string) error {
	var names []string
	for _, c := range parent.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	f := diag.Fail(diag.ExitUsage, "unknown command %q", strings.TrimPrefix(parent.CommandPath()+" "+name, "slipway "))
	if near := diag.Nearest(name, names); near != "" {
		return f.WithHint("did you mean `%s %s`?", parent.CommandPath(), near)
	}
	return f.WithHint("%s --help", parent.CommandPath())
}

// unknownFlag is the refusal of a flag that a command does not have, or of its value.
func unknownFlag(cmd *cobra.Command, err error) error {
	if refused := (*diag.Failure)(nil); errors.As(err, &refused) {
		return refused
	}
	f := diag.Fail(diag.ExitUsage, "`%s`: %s", cmd.CommandPath(), err).WithHint("%s --help", cmd.CommandPath())
	unknown := (*pflag.NotExistError)(nil)
	if !errors.As(err, &unknown) {
		return f
	}
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	name := unknown.GetSpecifiedName()
	f = diag.Fail(diag.ExitUsage, "unknown flag --%s for `%s`", name, cmd.CommandPath()).WithHint("%s --help", cmd.CommandPath())
	if unknown.GetSpecifiedShortnames() != "" {
		return diag.Fail(diag.ExitUsage, "unknown flag -%s for `%s`", name, cmd.CommandPath()).WithHint("%s --help", cmd.CommandPath())
	}
	if near := diag.Nearest(name, names); near != "" {
		return f.WithHint("did you mean --%s?", near)
	}
	return f
}
