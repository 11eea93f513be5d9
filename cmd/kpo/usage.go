package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a command line that says nothing that can be done: a script must see the difference to a cluster that
// could not be looked at.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// unknownFlag is what pflag's error for a flag that does not exist has, and no other.
type unknownFlag interface {
	error
	GetSpecifiedName() string
	GetSpecifiedShortnames() string
}

// flagError names the flag that was most likely meant.
func flagError(cmd *cobra.Command, err error) error {
	help := cmd.CommandPath() + " --help"
	if unknown, ok := errors.AsType[unknownFlag](err); ok && strings.HasPrefix(err.Error(), "unknown flag") {
		var names []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
		help = didYouMean(help, "--", nearest(unknown.GetSpecifiedName(), names))
	}
	return usage(hint(err, help))
}

// didYouMean puts what was most likely meant before another hint.
func didYouMean(otherwise, prefix string, names []string) string {
	if len(names) == 0 {
		return otherwise
	}
	return "did you mean " + prefix + strings.Join(names, " or "+prefix) + "?"
}

// noArgs refuses arguments, and says what the command may have been meant to be.
func noArgs(cmd *cobra.Command, args []string) error {
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
		return hint(fmt.Errorf("unknown command %q", args[0]), didYouMean(cmd.CommandPath()+" --help lists the commands", cmd.CommandPath()+" ", nearest(args[0], names)))
	}
	return hint(fmt.Errorf("%s takes no argument, %q is one", cmd.Name(), args[0]), cmd.CommandPath()+" --help")
}

// oneArg wants one argument, and says what it is.
func oneArg(what, example string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return hint(fmt.Errorf("%s needs %s", cmd.Name(), what), example)
		default:
			return hint(fmt.Errorf("%s takes %s, and got %d arguments", cmd.Name(), what, len(args)), example)
		}
	}
}

// markUsage makes usage errors of what the commands say of their arguments.
func markUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return usage(check(cmd, args)) }
	}
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}
