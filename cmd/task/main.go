// Command task is how `go tool task` finds the task runner without its dependencies in this module's go.mod: it runs the one
// that .tools/go.mod pins, with the same arguments, and exits as it did.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

func main() {
	// ^C reaches the whole process group; this one stays until the tasks have stopped what they started.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	err := run(os.Args[1:])
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "task:", err)
		os.Exit(1)
	}
}

// run builds the task runner, where that was not done yet, and runs it.
func run(args []string) error {
	build := exec.CommandContext(context.Background(), "go", "tool", "-modfile=.tools/go.mod", "-n", "task")
	// Without cgo it is the same before and after a C compiler is installed, and is built once.
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	path, err := build.Output()
	if err != nil {
		return err
	}
	task := exec.CommandContext(context.Background(), strings.TrimSpace(string(path)), args...)
	task.Stdin, task.Stdout, task.Stderr = os.Stdin, os.Stdout, os.Stderr
	return task.Run()
}
