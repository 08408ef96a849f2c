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
)

func main() {
	// ^C reaches the whole process group; this one stays until the tasks have stopped what they started.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	task := exec.CommandContext(context.Background(), "go", append([]string{"tool", "-modfile=.tools/go.mod", "task"}, os.Args[1:]...)...)
	task.Stdin, task.Stdout, task.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := task.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "task:", err)
		os.Exit(1)
	}
}
