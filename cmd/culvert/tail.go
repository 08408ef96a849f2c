package main

import (
	"context"
	"errors"
	"net/url"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"culvert/cmd/client"
	"culvert/cmd/display"
)

func tail() *cobra.Command {
	var b bridge
	var f tailFlags
	c := &cobra.Command{
		Use:     "tail TOPIC…",
		Short:   "Follow topics, or take part in a queue, in a terminal or a pipe",
		GroupID: groupClients,
		Long: `Show the messages of topics as they come. Nothing is consumed: every viewer sees every message. A topic with * in its name is a pattern: topics that fit it join as
they appear. With --queue the messages of a queue of one topic are shared with its other members, and settled. With --queue and --peek they are shown from the
queue's place on, and nothing is taken from it; where members settle out of order, some of what is shown is settled already.

Outputs (-o): text, a line for people: time, topic/partition:offset, key, [headers], payload, with line ends and control characters as escapes;
json, each frame as the bridge sent it, a line each, with the cursor that --from takes; raw, the payload and a line end (tombstones have none).
Gaps, messages that the broker had and will not be shown, go to the standard error, in json to the output.

When the connection breaks tail comes back by itself: a view, as a peek is, goes on where it was, without showing a message twice. It ends with 0 at the end that --to or
--limit sets, at ^C, and when the program that it writes to ends; with 1 when trouble stays, in the words of the bridge; with 2 if the command line is wrong.`,
		Example: `  # what comes from now on
  culvert tail prices

  # the last ten, and on
  culvert tail prices --from -10

  # a quarter of an hour, of one key, for a program
  culvert tail prices --from @-15m --key GOOG -o json | jq .payload

  # all that is there of several topics, and end
  culvert tail prices 'alerts.*' --from earliest --to latest

  # the first hundred payloads that are there, and end
  culvert tail prices --from earliest --limit 100 -o raw

  # go on after a message whose cursor was kept
  culvert tail prices --from AQABBnByaWNl…

  # take part in a queue; a message that was not shown in the end goes to another member
  culvert tail orders --queue billing --ack manual

  # what waits in a queue, without taking it, and end
  culvert tail orders --queue billing --peek --to latest

  # the next three that it would give
  culvert tail orders --queue billing --peek --limit 3`,
		Args: need(1, 0, "the topic"),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, &b, args) },
	}
	f.register(c)
	b.register(c)
	completeTopics(c, &b)
	completeQueues(c, &b)
	completeWords(c, "ack", "auto", "manual")
	completeWords(c, "output", display.Text, display.JSON, display.Raw)
	completeWords(c, "color", display.Auto, display.Always, display.Never)
	completeWords(c, "from", "latest", "earliest", "-10", "@-15m")
	completeWords(c, "to", "latest")
	return c
}

// tailFlags say what is read, and how it is shown.
type tailFlags struct {
	queue, ack     string
	peek           bool
	from, to       string
	limit          int64
	keys, headers  []string
	output, colour string
}

func (f *tailFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.queue, "queue", "", "take part in this queue of the topic")
	flags.StringVar(&f.ack, "ack", "", "with --queue: auto (default; settled when sent) or manual (settled when shown)")
	flags.BoolVar(&f.peek, "peek", false, "with --queue: show what follows the queue's place, and take nothing")
	flags.StringVar(&f.from, "from", "", "where to begin: latest (default), earliest, -N (the last N of each partition), a time as @2026-01-02T15:04:05Z or @-15m, or a cursor")
	flags.StringVar(&f.to, "to", "", "where to end: latest (the end as of now), a time or a cursor")
	flags.Int64Var(&f.limit, "limit", 0, "end after so many messages")
	flags.StringArrayVar(&f.keys, "key", nil, "only messages with this key; repeatable")
	flags.StringArrayVar(&f.headers, "header", nil, "only messages with this header, as name:value; repeatable, all must hold")
	flags.StringVarP(&f.output, "output", "o", display.Text, "text, json or raw")
	flags.StringVar(&f.colour, "color", display.Auto, "auto (on a terminal, unless NO_COLOR is set), always or never")
}

// following is what the flags ask for. What does not go together is refused by the bridge, which knows best.
func (f *tailFlags) following(c *cobra.Command, topics []string) (client.Following, error) {
	following := client.Following{Topics: topics, Queue: f.queue, Peek: f.peek, Limit: f.limit, Manual: f.ack == "manual", Query: url.Values{}}
	switch {
	case f.limit < 0 || f.limit == 0 && c.Flags().Changed("limit"):
		return following, misusef("--limit %d: it must be at least 1", f.limit)
	case f.queue == "" && (f.ack != "" || f.peek):
		return following, misusef("--ack and --peek are for a queue: name it with --queue")
	case f.peek && f.from != "":
		return following, misusef("--from with --peek: a peek begins where the queue is")
	case f.queue != "" && len(topics) > 1:
		return following, misusef("a queue is of one topic: %d are given", len(topics))
	case f.queue != "" && strings.Contains(topics[0], "*"):
		return following, misusef("a queue is of one topic: %s is a pattern", topics[0])
	case f.queue != "" && f.limit > 0 && !following.Manual && !f.peek:
		return following, misusef("--limit with --queue needs --ack manual: with auto what was sent counts as done, shown or not")
	}
	var headers []string
	for _, h := range f.headers {
		name, value, ok := parseHeader(h)
		if !ok {
			return following, misusef("--header %s: give name:value", h)
		}
		headers = append(headers, name+":"+value)
	}
	for name, value := range map[string]string{"from": f.from, "to": f.to, "ack": f.ack} {
		if value != "" {
			following.Query.Set(name, value)
		}
	}
	for name, values := range map[string][]string{"key": f.keys, "header": headers} {
		if len(values) > 0 {
			following.Query[name] = values
		}
	}
	return following, nil
}

func (f *tailFlags) run(c *cobra.Command, b *bridge, topics []string) error {
	following, err := f.following(c, topics)
	if err != nil {
		return err
	}
	colour, err := display.Colour(f.colour, c.OutOrStdout())
	if err != nil {
		return misuse{err}
	}
	notes := newNotes(c.ErrOrStderr())
	printer, err := display.NewPrinter(f.output, c.OutOrStdout(), notes, colour)
	if err != nil {
		return misuse{err}
	}
	api, err := b.open()
	if err != nil {
		return err
	}
	defer api.Close()
	// So that writing to a pipe that nobody reads is an error, and not the end by a signal.
	signal.Ignore(syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	// Ends with ctx.
	go display.Unread(ctx, c.OutOrStdout(), cancel)
	err = api.Follow(ctx, following, client.Audience{
		Frame:   printer.Frame,
		Pause:   printer.Flush,
		Trouble: func(err error, wait time.Duration) { notes.trouble(err, wait) },
	})
	if errors.Is(err, syscall.EPIPE) {
		return nil // who reads has had enough
	}
	return mendOf(err, topics[0])
}
