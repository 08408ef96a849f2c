package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// misuse is an error of whoever typed the command line. The program ends with 2 for it, with 1 for all that went wrong later.
type misuse struct{ error }

// Unwrap gives what was typed wrong.
func (m misuse) Unwrap() error { return m.error }

func misusef(format string, values ...any) error { return misuse{fmt.Errorf(format, values...)} }

// statusOf is what the program ends with.
func statusOf(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(misuse)):
		return 2
	}
	return 1
}

// none refuses arguments.
func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misusef("%s takes no %q; see %s --help", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}

// need checks that there are least to most arguments; most of 0 is no bound. what names them. None may be empty.
func need(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		hint := fmt.Sprintf("say %s: %s; see %s --help", what, c.UseLine(), c.CommandPath())
		if len(args) < least || most > 0 && len(args) > most {
			return misuse{errors.New(hint)}
		}
		for _, arg := range args {
			if arg == "" || arg == "." || arg == ".." {
				return misusef("%q names nothing; %s", arg, hint)
			}
		}
		return nil
	}
}
