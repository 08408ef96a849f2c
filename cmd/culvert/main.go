// Command culvert is the bridge.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker where the program is built for release.
var version = ""

func main() {
	if err := root().ExecuteContext(untilSignal()); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errInterrupted
		}
		fmt.Fprintln(os.Stderr, "culvert:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(statusOf(err))
	}
}

// errInterrupted is the error of what ^C or SIGTERM ended before it was done.
var errInterrupted = errors.New("interrupted")

// untilSignal is a context that the first SIGTERM or ^C ends. By then they do again what they always do, so that a second one ends
// the program at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// Ends with the first signal, or with the program.
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "culvert",
		Short:         "A bridge between browsers and message brokers: server-sent events, WebSockets and plain HTTP",
		Args:          knownCommand,
		RunE:          help,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return misusef("%w; see %s --help", err, c.CommandPath()) })
	c.AddGroup(&cobra.Group{ID: groupBridge, Title: "The bridge:"}, &cobra.Group{ID: groupClients, Title: "Clients of a running bridge:"})
	c.AddCommand(serve(), config(), publish(), tail(), topics(), queues(), versionCommand())
	return c
}

// The groups in which the help lists commands.
const (
	groupBridge  = "bridge"
	groupClients = "clients"
)

// knownCommand refuses words that are no command, in one line.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	hint := "; see " + c.CommandPath() + " --help"
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "; did you mean " + near[0] + "?"
	}
	return misusef("unknown command %q%s", args[0], hint)
}

// help is what a command does that has others below it.
func help(c *cobra.Command, _ []string) error { return c.Help() }

// versionOf is what this program says that it is.
func versionOf() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
