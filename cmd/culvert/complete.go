package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"culvert/cmd/client"
)

// completionTimeout is how long a shell waits for a bridge before it completes nothing.
const completionTimeout = time.Second

// completeTopics completes every argument of c with the topics of the bridge.
func completeTopics(c *cobra.Command, b *bridge) {
	c.ValidArgsFunction = func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return b.names(c, topicNames)
	}
}

// completeTopic completes the first argument of c with the topics of the bridge, and the others as others says.
func completeTopic(c *cobra.Command, b *bridge, others cobra.ShellCompDirective) {
	completeTopicAnd(c, b, func(*cobra.Command, []string) ([]string, cobra.ShellCompDirective) { return nil, others })
}

// completeTopicAndQueue completes the first argument of c with the topics of the bridge, and the second one with the queues of the first.
func completeTopicAndQueue(c *cobra.Command, b *bridge) {
	completeTopicAnd(c, b, func(c *cobra.Command, args []string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return b.names(c, queueNames(args[0]))
	})
}

// completeTopicAnd completes the first argument of c with the topics of the bridge, and leaves what follows to others.
func completeTopicAnd(c *cobra.Command, b *bridge, others func(*cobra.Command, []string) ([]string, cobra.ShellCompDirective)) {
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return b.names(c, topicNames)
		}
		return others(c, args)
	}
}

// completeQueues completes --queue with the queues of the topic that is named.
func completeQueues(c *cobra.Command, b *bridge) {
	complete(c, "queue", func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return b.names(c, queueNames(args[0]))
	})
}

// topicNames are the topics of a bridge. What cannot be had is not completed.
func topicNames(ctx context.Context, api *client.API) (names []string) {
	list, _ := api.Topics(ctx)
	for _, t := range list.Topics {
		names = append(names, t.Topic)
	}
	return names
}

// queueNames gives what asks for the queues of topic, as topicNames does for topics.
func queueNames(topic string) func(context.Context, *client.API) []string {
	return func(ctx context.Context, api *client.API) (names []string) {
		list, _ := api.Queues(ctx, topic)
		for _, q := range list.Queues {
			names = append(names, q.Queue)
		}
		return names
	}
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
