package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func deleteQueue() *cobra.Command {
	var b bridge
	var yes bool
	c := b.ofQueue(&cobra.Command{
		Use:   "delete",
		Short: "Forget a queue",
		Long: `Forget a queue, and how far it is. The topic and the dead letters stay. Who joins the queue afterwards begins a new one.

Nobody may be in the queue, at whatever bridge: else it is a conflict, and nothing is forgotten. At a terminal you are asked first, unless --yes says so; a
script is not asked.`,
		Example: `  culvert queues delete orders billing
  culvert queues delete orders billing --yes`,
		RunE: func(c *cobra.Command, args []string) error {
			topic, queue := args[0], args[1]
			api, err := b.open()
			if err != nil {
				return err
			}
			defer api.Close()
			if err := confirm(c, yes, fmt.Sprintf("Delete queue %s of topic %s?", queue, topic)); err != nil {
				return err
			}
			if err := api.Delete(c.Context(), topic, queue); err != nil {
				return mendInUse(err, topic, queue)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "queue %s of topic %s is deleted\n", queue, topic)
			return err
		},
	})
	registerYes(c, &yes)
	return c
}
