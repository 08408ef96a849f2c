// Command run starts the brokers that tests need, and stops them again.
//
//	go run ./tests/brokers/run -- go test ./...     with them, runs a command; its exit code is this one's
//	go run ./tests/brokers/run                      shows how to use them, until ^C
//
// -only kafka,amqp starts some of them. What is missing, be it for a broker, for a client that is not ours or for the command's -race, is installed where that is possible (Debian or
// Ubuntu, as root); else the one command that mends it is printed. Without CI=true or CULVERT_TEST_STRICT=1 the command then runs all the same: without
// -race, and its tests skip what they cannot do. The last lines say so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"culvert/tests/brokers"
	"culvert/tests/clock"
)

func main() {
	only := flag.String("only", "", "brokers to start, separated by commas (default: all)")
	flag.Parse()
	os.Exit(run(*only, flag.Args()))
}

// run is the whole command; its result is the exit code.
func run(only string, command []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	command, race, ok := withRace(ctx, command)
	clients, fetched := fetch(ctx, command)
	running, reports, started := start(ctx, only)
	defer func() {
		for _, b := range running {
			b.Stop()
		}
	}()
	if !(ok && fetched && started) && (brokers.Strict() || len(command) == 0) {
		return 1
	}
	if len(command) == 0 {
		show(ctx, running)
		return 0
	}
	code := runCommand(ctx, command, running)
	fmt.Fprintln(os.Stderr, "\nthis run:")
	for _, line := range slices.Concat(race, reports, clients, []string{clocks()}) {
		fmt.Fprintln(os.Stderr, "  "+line)
	}
	return code
}

// withRace gives the command as it can be run here: without its -race where there is no C compiler to link the race detector, which ok and the report tell.
func withRace(ctx context.Context, command []string) (possible, report []string, ok bool) {
	isRace := func(arg string) bool { return arg == "-race" }
	if !slices.ContainsFunc(command, isRace) {
		return command, nil, true
	}
	if err := brokers.CCompiler(ctx, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "race detector: %v\n", err)
		return slices.DeleteFunc(slices.Clone(command), isRace), []string{fmt.Sprintf("race detector: off: %v", err)}, false
	}
	return command, []string{"race detector: on"}, true
}

// clocks tells whether the tests that let clocks jump were run.
func clocks() string {
	if err := clock.Supported(); err != nil {
		return fmt.Sprintf("clocks: do not jump; what needs it was skipped: %v", err)
	}
	return "clocks: jump"
}

// fetch gets the programs beside brokers that are not ours, for a command that may be a test. reports has a line for each home that they have; ok is false where one could not be had.
func fetch(ctx context.Context, command []string) (reports []string, ok bool) {
	if len(command) == 0 {
		return nil, true
	}
	ok = true
	for _, home := range []struct {
		name  string
		fetch func(context.Context, io.Writer) (string, error)
	}{{"npm", brokers.FetchNode}, {"pypi", brokers.FetchPython}, {"nginx", brokers.FetchNginx}, {"curl", brokers.FetchCurl}, {"chromium", brokers.FetchChromium}} {
		title, err := home.fetch(ctx, os.Stderr)
		if err != nil {
			ok = false
			title = fmt.Sprintf("none; what needs it was skipped: %v", err)
			fmt.Fprintf(os.Stderr, "%s: %v\n", home.name, err)
		}
		reports = append(reports, home.name+": "+title)
	}
	return reports, ok
}

// start starts every kind that is wanted, all at once. reports has a line for each of them; ok is false where one could not be had.
func start(ctx context.Context, only string) (running []*brokers.Running, reports []string, ok bool) {
	kinds := slices.DeleteFunc(brokers.Kinds(), func(k brokers.Kind) bool {
		return only != "" && !slices.Contains(strings.Split(only, ","), k.Name)
	})
	started := make([]*brokers.Running, len(kinds))
	failed := make([]error, len(kinds))
	var all sync.WaitGroup
	for i, kind := range kinds {
		all.Go(func() { started[i], failed[i] = kind.Start(ctx, os.Stderr) })
	}
	all.Wait()
	ok = true
	reports = []string{"inproc: part of every run"}
	for i, kind := range kinds {
		if err := failed[i]; err != nil {
			ok = false
			reports = append(reports, fmt.Sprintf("%s: none; what needs it was skipped: %v", kind.Name, err))
			fmt.Fprintf(os.Stderr, "%s: %v\n", kind.Name, err)
			continue
		}
		running = append(running, started[i])
		reports = append(reports, kind.Name+": "+started[i].Title)
	}
	return running, reports, ok
}

// show tells a person how to use the brokers, and returns at ^C.
func show(ctx context.Context, running []*brokers.Running) {
	for _, b := range running {
		fmt.Println(b.Title)
		for _, line := range b.Try {
			fmt.Println("  " + line)
		}
	}
	fmt.Println("^C stops what was started here.")
	<-ctx.Done()
}

// runCommand runs the command with the brokers in its environment. A signal is passed on, and the command's end is waited for.
func runCommand(ctx context.Context, command []string, running []*brokers.Running) int {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	for _, b := range running {
		cmd.Env = append(cmd.Env, b.Env...)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", command[0], err)
	return 1
}
