package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"culvert/cmd/display"
)

func reset() *cobra.Command {
	var b bridge
	var to, output string
	var yes bool
	c := b.ofQueue(&cobra.Command{
		Use:   "reset",
		Short: "Move the place of a queue: give again what was settled, or pass over what was not",
		Long: `Move the place of a queue, in all partitions. All that follows it is given to members, also what was settled before; what comes before it is not given any more.
The table tells the places from which the queue goes on.

Nobody may be in the queue, at whatever bridge: else it is a conflict, and nothing is moved. At a terminal you are asked first, unless --yes says so; a
script is not asked.`,
		Example: `  # give everything again
  culvert queues reset orders billing --to earliest

  # pass over all that waits
  culvert queues reset orders billing --to latest

  # give again what came since then
  culvert queues reset orders billing --to @2026-01-02T15:04:05Z

  # go on at a message whose cursor was kept, without being asked
  culvert queues reset orders billing --to AQABBnByaWNl… --yes`,
		RunE: func(c *cobra.Command, args []string) error {
			topic, queue := args[0], args[1]
			if to == "" {
				return misusef("say where to: --to earliest, latest, @time or a cursor; see %s --help", c.CommandPath())
			}
			api, err := b.openFor(output, display.Text)
			if err != nil {
				return err
			}
			defer api.Close()
			if err := confirm(c, yes, fmt.Sprintf("Reset queue %s of topic %s to %s?", queue, topic, to)); err != nil {
				return err
			}
			partitions, whole, err := api.Reset(c.Context(), topic, queue, to)
			if err != nil {
				return mendInUse(err, topic, queue)
			}
			if output == display.JSON {
				return document(c.OutOrStdout(), whole)
			}
			if _, err := fmt.Fprintf(c.OutOrStdout(), "queue %s of topic %s is reset and goes on from:\n", queue, topic); err != nil {
				return err
			}
			var rows [][]string
			for _, p := range partitions {
				rows = append(rows, []string{strconv.Itoa(p.Partition), number(p.Committed)})
			}
			return display.Table(c.OutOrStdout(), []string{"PARTITION", "COMMITTED"}, rows)
		},
	})
	c.Flags().StringVar(&to, "to", "", "where the queue shall go on: earliest, latest, a time as @2026-01-02T15:04:05Z or @-15m, or a cursor")
	registerYes(c, &yes)
	registerOutput(c, &output, display.Text)
	completeWords(c, "to", "earliest", "latest", "@-15m")
	return c
}
