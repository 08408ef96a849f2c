package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"culvert/cmd/display"
)

func redrive() *cobra.Command {
	var b bridge
	var limit int64
	var output string
	c := b.ofQueue(&cobra.Command{
		Use:   "redrive",
		Short: "Send the dead letters of a queue back to it",
		Long: `Send the dead letters of a queue back to it: each is published to its topic again, as it was, and no other queue of the topic is given it. Viewers of the
topic see it again. What was sent back is remembered, and not sent again by the next redrive; what fails again becomes a dead letter again.

It lasts until all are sent that were there when it began. ^C ends it before; what was sent by then stays sent, and the next redrive goes on behind it.`,
		Example: `  # all of them
  culvert queues redrive orders billing

  # one, to see whether it goes well now
  culvert queues redrive orders billing --limit 1

  # see what they are, before
  culvert tail orders.billing.dlq --from earliest --to latest`,
		RunE: func(c *cobra.Command, args []string) error {
			topic, queue := args[0], args[1]
			if limit < 0 || limit == 0 && c.Flags().Changed("limit") {
				return misusef("--limit %d: it must be at least 1", limit)
			}
			api, err := b.openFor(output, display.Text)
			if err != nil {
				return err
			}
			defer api.Close()
			sent, err := api.Redrive(c.Context(), topic, queue, limit)
			if err != nil {
				return mendOf(err, topic)
			}
			if output == display.JSON {
				return document(c.OutOrStdout(), map[string]int64{"redriven": sent})
			}
			return tellRedriven(c.OutOrStdout(), sent, queue, topic)
		},
	})
	c.Flags().Int64Var(&limit, "limit", 0, "send back so many at most (default all)")
	registerOutput(c, &output, display.Text)
	return c
}

func tellRedriven(out io.Writer, sent int64, queue, topic string) error {
	count := fmt.Sprintf("%d dead letters are", sent)
	switch sent {
	case 0:
		_, err := fmt.Fprintf(out, "no dead letters: 0 are sent back to queue %s of topic %s\n", queue, topic)
		return err
	case 1:
		count = "1 dead letter is"
	}
	_, err := fmt.Fprintf(out, "%s sent back to queue %s of topic %s\n", count, queue, topic)
	return err
}
