package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"culvert/cmd/client"
)

// completionTimeout is how long a shell waits for a bridge before it completes nothing.
const completionTimeout = time.Second

// completeTopics completes the arguments of c with the topics of the bridge; only the first where alone is true, and after it files.
func completeTopics(c *cobra.Command, b *bridge, alone bool) {
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if alone && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return b.names(c, func(ctx context.Context, api *client.API) (names []string) {
			list, _ := api.Topics(ctx) // what cannot be had is not completed
			for _, t := range list.Topics {
				names = append(names, t.Topic)
			}
			return names
		})
	}
}

// completeQueues completes --queue with the queues of the topic that is named.
func completeQueues(c *cobra.Command, b *bridge) {
	complete(c, "queue", func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return b.names(c, func(ctx context.Context, api *client.API) (names []string) {
			list, _ := api.Queues(ctx, args[0]) // as above
			for _, q := range list.Queues {
				names = append(names, q.Queue)
			}
			return names
		})
	})
}

// names asks the bridge for what completes a word.
func (b *bridge) names(c *cobra.Command, ask func(context.Context, *client.API) []string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
	defer cancel()
	api, err := b.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer api.Close()
	return ask(ctx, api), cobra.ShellCompDirectiveNoFileComp
}

// completeWords completes the value of a flag with these words.
func completeWords(c *cobra.Command, flag string, words ...string) {
	complete(c, flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	})
}

func complete(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // there is no such flag: a slip of the pen, which the first run shows
	}
}
