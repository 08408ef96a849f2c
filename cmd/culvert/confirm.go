package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"culvert/cmd/display"
)

func registerYes(c *cobra.Command, yes *bool) {
	c.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
}

// errDeclined is the error of who was asked and did not say yes.
var errDeclined = errors.New("nothing was done")

// confirm asks whoever sits at the terminal whether to do what cannot be undone. Who has said yes is not asked, nor where nobody can see the question
// and answer it: a script says all with its command.
func confirm(c *cobra.Command, yes bool, question string) error {
	if yes || !display.Terminal(c.InOrStdin()) || !display.Terminal(c.ErrOrStderr()) {
		return nil
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s [y/N] ", question)
	answer := make(chan string, 1)
	// Ends with the line, or with the program.
	go func() {
		line, _ := bufio.NewReader(c.InOrStdin()).ReadString('\n') // without a line there is no yes
		answer <- line
	}()
	select {
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		if line == "" {
			fmt.Fprintln(c.ErrOrStderr()) // the question has no line end from ^D
		}
		return errDeclined
	case <-c.Context().Done():
		fmt.Fprintln(c.ErrOrStderr())
		return c.Context().Err()
	}
}
