package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal (pty(7)): what a person has, and what the program is given.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestAPersonIsAskedFirst(t *testing.T) {
	environment := answering(t, map[string]string{
		"DELETE /v1/topics/orders/queues/yes":     "",
		"POST /v1/topics/orders/queues/yes/reset": `{"partitions":[]}`,
		"POST /v1/topics/orders/queues/y/reset":   `{"partitions":[]}`,
		"DELETE /v1/topics/orders/queues/unasked": "",
	})
	for _, c := range []struct {
		arguments, question, types string
		done                       bool
		said                       string // after the question, and what was typed
	}{
		{"delete orders yes", "Delete queue yes of topic orders? [y/N] ", "yes\n", true, ""},
		{"reset orders yes --to -3", "Reset queue yes of topic orders to -3? [y/N] ", "YES\n", true, ""},
		{"reset orders y --to latest", "Reset queue y of topic orders to latest? [y/N] ", "y\n", true, ""},
		{"delete orders n", "Delete queue n of topic orders? [y/N] ", "n\n", false, "culvert: nothing was done"},
		{"delete orders n", "Delete queue n of topic orders? [y/N] ", "\n", false, "culvert: nothing was done"},
		{"delete orders n", "Delete queue n of topic orders? [y/N] ", "\x04", false, "culvert: nothing was done"}, // ^D
		{"reset orders n --to latest", "Reset queue n of topic orders to latest? [y/N] ", "interrupt", false, "culvert: interrupted"},
		{"delete orders unasked --yes", "", "", true, ""},
	} {
		t.Run(c.arguments+" "+c.types, func(t *testing.T) {
			person, program := terminal(t)
			command := culvert(t, environment, append([]string{"queues"}, strings.Fields(c.arguments)...)...)
			var stdout strings.Builder
			command.Stdin, command.Stderr, command.Stdout = program, program, &stdout
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			program.Close()
			screen := bufio.NewReader(person)
			if c.question != "" {
				shown := make([]byte, len(c.question))
				if _, err := io.ReadFull(screen, shown); err != nil || string(shown) != c.question {
					t.Fatalf("it shows %q, %v", shown, err)
				}
			}
			if c.types == "interrupt" {
				if err := command.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
			} else if _, err := person.WriteString(c.types); err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			_, _ = screen.WriteTo(&said) // until the program has left the terminal, which is an error
			err := command.Wait()
			if exit := (*exec.ExitError)(nil); c.done != (err == nil) || err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
				t.Errorf("it ended with %v", err)
			}
			if !strings.Contains(said.String(), c.said) || c.done == (stdout.Len() == 0) {
				t.Errorf("it said %q and %q", said.String(), stdout.String())
			}
		})
	}
}
