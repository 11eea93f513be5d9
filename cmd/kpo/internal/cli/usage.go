package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// UsageError is a command line that says nothing that can be done: a script must see the difference to a cluster that
// could not be looked at.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

// Usage makes a usage error of err, and nil of nil.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return UsageError{err}
}

// unknownFlag is what pflag's error for a flag that does not exist has, and no other.
type unknownFlag interface {
	error
	GetSpecifiedName() string
	GetSpecifiedShortnames() string
}

// FlagError names the flag that was most likely meant.
func FlagError(cmd *cobra.Command, err error) error {
	help := cmd.CommandPath() + " --help"
	if unknown, ok := errors.AsType[unknownFlag](err); ok && strings.HasPrefix(err.Error(), "unknown flag") {
		var names []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
		help = DidYouMean(help, "--", Nearest(unknown.GetSpecifiedName(), names))
	}
	return Usage(Hint(err, help))
}

// DidYouMean puts what was most likely meant before another hint.
func DidYouMean(otherwise, prefix string, names []string) string {
	if len(names) == 0 {
		return otherwise
	}
	return "did you mean " + prefix + strings.Join(names, " or "+prefix) + "?"
}

// NoArgs refuses arguments, and says what the command may have been meant to be.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasParent() {
		var names []string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		return Hint(fmt.Errorf("unknown command %q", args[0]), DidYouMean(cmd.CommandPath()+" --help lists the commands", cmd.CommandPath()+" ", Nearest(args[0], names)))
	}
	return Hint(fmt.Errorf("%s takes no argument, %q is one", cmd.Name(), args[0]), cmd.CommandPath()+" --help")
}

// OneArg wants one argument, and says what it is.
func OneArg(what, example string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return Hint(fmt.Errorf("%s needs %s", cmd.Name(), what), example)
		default:
			return Hint(fmt.Errorf("%s takes %s, and got %d arguments", cmd.Name(), what, len(args)), example)
		}
	}
}

// MarkUsage makes usage errors of what the commands say of their arguments.
func MarkUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return Usage(check(cmd, args)) }
	}
	for _, sub := range cmd.Commands() {
		MarkUsage(sub)
	}
}
