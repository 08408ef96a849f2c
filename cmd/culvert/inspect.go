package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"culvert/cmd/client"
	"culvert/cmd/display"
)

func inspect() *cobra.Command {
	var b bridge
	var output string
	c := b.ofQueue(&cobra.Command{
		Use:   "inspect",
		Short: "Tell how far a queue is, who works at it, and what holds for its members",
		Long: `Tell all there is to know of a queue. The members, what they have in flight, and how old the oldest unsettled message is, are those of this bridge; how far
the queue is, is the broker's. What is not known is -.`,
		Example: `  culvert queues inspect orders billing
  culvert queues inspect orders billing -o json | jq .lag`,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := b.openFor(output, display.Text)
			if err != nil {
				return err
			}
			defer api.Close()
			queue, whole, err := api.Queue(c.Context(), args[0], args[1])
			if err != nil {
				return mendOf(err, args[0])
			}
			if output == display.JSON {
				return document(c.OutOrStdout(), whole)
			}
			return describeQueue(c.OutOrStdout(), queue)
		},
	})
	registerOutput(c, &output, display.Text)
	return c
}

// describeQueue shows people what there is to know of a queue: a line for each fact, then a row for each partition.
func describeQueue(out io.Writer, q client.Queue) error {
	oldest, attempts, deadLetters := display.Nothing, "no limit", "none"
	switch {
	case q.Oldest == nil:
	case *q.Oldest == 0:
		oldest = "none"
	default:
		oldest = milliseconds(*q.Oldest)
	}
	if q.MaxAttempts > 0 {
		attempts, deadLetters = strconv.Itoa(q.MaxAttempts), display.Nothing // where it is hidden
	}
	if q.DeadLetter != nil {
		deadLetters = *q.DeadLetter
	}
	err := display.Facts(out, [][2]string{
		{"topic", q.Topic},
		{"queue", q.Queue},
		{"order", q.Order},
		{"members", number(q.Members)},
		{"in flight", number(q.InFlight)},
		{"oldest unsettled", oldest},
		{"lag", number(q.Lag)},
		{"lease", milliseconds(q.LeaseMS)},
		{"attempts", attempts},
		{"dead letters", deadLetters},
	})
	if err != nil || len(q.Partitions) == 0 {
		return err
	}
	var rows [][]string
	for _, p := range q.Partitions {
		rows = append(rows, []string{strconv.Itoa(p.Partition), number(p.Committed), number(p.End), number(p.Lag)})
	}
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	return display.Table(out, []string{"PARTITION", "COMMITTED", "END", "LAG"}, rows)
}

// milliseconds is so many of them, for people.
func milliseconds(n int64) string { return (time.Duration(n) * time.Millisecond).String() }
