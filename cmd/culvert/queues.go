package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"culvert/cmd/display"
)

func queues() *cobra.Command {
	var b bridge
	var output string
	c := &cobra.Command{
		Use:     "queues TOPIC",
		Short:   "List the queues of a topic, their members and how far they are behind",
		GroupID: groupClients,
		Long:    "List the queues of a topic. The members are those at this bridge; the lag is how many messages are not settled. What the broker does not tell is -.",
		Example: `  culvert queues orders
  culvert queues orders -o json | jq '.queues[] | select(.lag > 1000)'`,
		Args: need(1, 1, "one topic"),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := b.list(output)
			if err != nil {
				return err
			}
			defer api.Close()
			all, err := api.Queues(c.Context(), args[0])
			if err != nil {
				return mend(err)
			}
			if !all.Complete {
				fmt.Fprintln(c.ErrOrStderr(), "culvert: the list is not complete: the broker does not tell its queues, so only those that this bridge knows are listed")
			}
			if output == display.JSON {
				return document(c.OutOrStdout(), all)
			}
			var rows [][]string
			for _, q := range all.Queues {
				rows = append(rows, []string{q.Queue, number(q.Members), number(q.Lag)})
			}
			return display.Table(c.OutOrStdout(), []string{"QUEUE", "MEMBERS", "LAG"}, rows)
		},
	}
	registerList(c, &output)
	b.register(c)
	completeTopics(c, &b, true)
	return c
}
