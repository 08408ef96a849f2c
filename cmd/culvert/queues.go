package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"culvert/cmd/client"
	"culvert/cmd/display"
)

func queues() *cobra.Command {
	c := listQueues("queues TOPIC")
	c.Short = "List the queues of a topic; inspect, reset, delete and redrive one"
	c.GroupID = groupClients
	c.Example = `  culvert queues orders
  culvert queues orders -o json | jq '.queues[] | select(.lag > 1000)'
  culvert queues inspect orders billing               # how far it is, and who works at it
  culvert queues reset orders billing --to earliest   # give everything again
  culvert queues redrive orders billing               # send its dead letters back to it
  culvert queues delete orders billing`
	c.Args = topicOrCommand
	c.AddCommand(listQueues("list TOPIC"), inspect(), reset(), deleteQueue(), redrive())
	return c
}

// listQueues is the command that lists: under its own name, and as the one above all commands about queues, to which a topic that is called like one of these cannot be said.
func listQueues(use string) *cobra.Command {
	var b bridge
	var output string
	c := &cobra.Command{
		Use:   use,
		Short: "List the queues of a topic, their members and how far they are behind",
		Long: `List the queues of a topic. The members are those at this bridge; the lag is how many messages are not settled. What the broker does not tell is -.

"culvert queues TOPIC" lists as "culvert queues list TOPIC" does; a topic that is called like one of the commands needs the latter.`,
		Example: `  culvert queues list orders
  culvert queues list inspect -o json     # of the topic that is called inspect`,
		Args: need(1, 1, "one topic"),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := b.openFor(output, outputTable)
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
	registerOutput(c, &output, outputTable)
	b.register(c)
	completeTopic(c, &b, cobra.ShellCompDirectiveNoFileComp)
	return c
}

// topicOrCommand wants one topic, and takes the first of several words for a command that is typed wrong.
func topicOrCommand(c *cobra.Command, args []string) error {
	if len(args) < 2 {
		return need(1, 1, "one topic")(c, args)
	}
	if c.SuggestionsMinimumDistance = 2; len(c.SuggestionsFor(args[0])) > 0 {
		return knownCommand(c, args)
	}
	return misusef("say one topic, or what to do with a queue, as culvert queues inspect %s %s; see %s --help", args[0], args[1], c.CommandPath())
}

// ofQueue makes c a command about one queue of a topic.
func (b *bridge) ofQueue(c *cobra.Command) *cobra.Command {
	c.Use += " TOPIC QUEUE"
	c.Args = need(2, 2, "one topic and one queue")
	b.register(c)
	completeTopicAndQueue(c, b)
	return c
}

// mendOf adds to err, which is about a queue of topic, what can be done about it.
func mendOf(err error, topic string) error {
	if problem := (*client.Problem)(nil); errors.As(err, &problem) && problem.Code == "unknown-queue" {
		return fmt.Errorf("%w; `culvert queues list %s` lists those that there are", err, topic)
	}
	return mend(err)
}

// mendInUse is mendOf for what nobody may be in the queue for.
func mendInUse(err error, topic, queue string) error {
	if problem := (*client.Problem)(nil); errors.As(err, &problem) && problem.Code == "conflict" {
		return fmt.Errorf("%w; `culvert queues inspect %s %s` tells how many this bridge has", err, topic, queue)
	}
	return mendOf(err, topic)
}
