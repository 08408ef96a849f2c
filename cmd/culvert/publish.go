package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/cmd/client"
	"culvert/cmd/display"
	"culvert/cmd/source"
)

func publish() *cobra.Command {
	var b bridge
	var f publishFlags
	c := &cobra.Command{
		Use:     "publish TOPIC [FILE…]",
		Short:   "Publish the lines of files, or of the standard input",
		GroupID: groupClients,
		Long: `Publish messages to a topic: each line of the files, or of the standard input (no file, or -), is one message. Line ends, LF or CRLF, are no part of it.

Messages are published at least once. Up to --window of them may be unconfirmed at a time; what has no outcome when the connection breaks is sent again on
the next one, and counted as resent: the broker may then have it twice. What the bridge refuses for now is tried again for --retry-for. Messages of one
key keep their order, but for one that was refused for now while later ones were taken; with --window 1 they keep it always.

At the end the counts are told. The status is 0 if every message was confirmed, 1 if any was not, 2 if the command line is wrong.
^C stops reading, and waits some seconds for what is on its way; a second one does not wait.`,
		Example: `  # a line, a message
  echo 'Hello, world' | culvert publish greetings

  # keys before a colon: GOOG:187.2
  culvert publish prices -K : prices.txt

  # a key and headers for all
  culvert publish alerts -k plant-7 -H severity:high -H source:cron alerts.log

  # each with its own key, headers and topic
  echo '{"key":"GOOG","headers":[["h","v"]],"payload":{"price":187.2}}' | culvert publish prices --json

  # a picture, to the byte
  culvert publish photos --whole -k cat cat.jpg

  # delete keys: publish tombstones
  printf 'GOOG\nAAPL\n' | culvert publish prices --tombstone

  # follow a log, ten lines a second at most
  tail -F app.log | culvert publish logs --rate 10/s`,
		Args: need(1, 0, "the topic"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c, &b, args[0], args[1:])
		},
	}
	f.register(c)
	b.register(c)
	completeTopic(c, &b, cobra.ShellCompDirectiveDefault) // files
	return c
}

// publishFlags say what is read, and how it is sent.
type publishFlags struct {
	separator, key         string
	headers                []string
	json, tombstone, whole bool
	rate                   string
	window                 int
	timeout, retryFor      time.Duration
	quiet                  bool
}

func (f *publishFlags) register(c *cobra.Command) {
	defaults := client.DefaultPublishing()
	flags := c.Flags()
	flags.StringVarP(&f.separator, "key-separator", "K", "", `what stands between the key and the payload in a line, as : or \t`)
	flags.StringVarP(&f.key, "key", "k", "", "key of all messages")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "header of all messages, as name:value; repeatable")
	flags.BoolVar(&f.json, "json", false, "lines are JSON objects with key, headers, topic and one of payload, text and base64")
	flags.BoolVar(&f.tombstone, "tombstone", false, "lines are keys, which are deleted")
	flags.BoolVar(&f.whole, "whole", false, "each file is one message, byte for byte")
	flags.StringVar(&f.rate, "rate", "", "how many messages to send at most: 10 or 10/s, 300/m, 100/h")
	flags.IntVar(&f.window, "window", defaults.Window, "how many messages may be unconfirmed at a time")
	flags.DurationVar(&f.timeout, "timeout", defaults.Timeout, "how long the bridge may answer nothing before its connection is made anew")
	flags.DurationVar(&f.retryFor, "retry-for", defaults.RetryFor, "how long to try again what may pass: a refusal, a bridge or a broker that is away")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing but what went wrong")
}

// source is what is read, by the flags.
func (f *publishFlags) source(c *cobra.Command, topic string, files []string) (*source.Source, error) {
	cfg := source.Config{Topic: topic}
	shapes := 0
	for _, shape := range []struct {
		chosen bool
		shape  source.Shape
	}{{f.json, source.JSON}, {f.tombstone, source.Key}, {f.whole, source.Whole}} {
		if shape.chosen {
			cfg.Shape = shape.shape
			shapes++
		}
	}
	keyed, headed := c.Flags().Changed("key"), c.Flags().Changed("header")
	switch {
	case shapes > 1:
		return nil, misusef("--json, --tombstone and --whole: choose one")
	case f.separator != "" && (shapes > 0 || keyed):
		return nil, misusef("-K takes keys out of lines: it does not go with -k, --json, --tombstone and --whole")
	case f.json && (keyed || headed):
		return nil, misusef("with --json each line has its own key and headers: -k and -H do not go with it")
	case f.tombstone && keyed:
		return nil, misusef("with --tombstone each line is a key: -k does not go with it")
	case f.window < 1:
		return nil, misusef("--window is %d: it must be at least 1", f.window)
	case f.timeout <= 0 || f.retryFor < 0:
		return nil, misusef("--timeout and --retry-for are times, as 30s")
	}
	if keyed {
		cfg.Key = []byte(f.key)
	}
	var err error
	if cfg.Separator, err = unescape(f.separator); err != nil {
		return nil, misusef("-K %s: %w", f.separator, err)
	}
	for _, h := range f.headers {
		name, value, ok := parseHeader(h)
		if !ok {
			return nil, misusef("-H %s: give name:value", h)
		}
		cfg.Headers = append(cfg.Headers, client.Header{Name: name, Value: []byte(value)})
	}
	if len(files) == 0 {
		files = []string{source.Stdin}
		if display.Terminal(c.InOrStdin()) && !f.quiet {
			fmt.Fprintln(c.ErrOrStderr(), "Each line that you type is a message; ^D ends.")
		}
	}
	return source.New(files, c.InOrStdin(), cfg)
}

// parseHeader reads name:value. Blanks around both are taken away, as those of the header Culvert-Header are.
func parseHeader(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	return name, value, ok && name != ""
}

// unescape reads \t and its like.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	plain, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		return "", errors.New(`escapes are those of Go, as \t or \x1f; a backslash is \\`)
	}
	return plain, nil
}

// perSecond reads a rate.
func perSecond(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	count, unit, _ := strings.Cut(s, "/")
	seconds, known := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(count, 64)
	if err != nil || !known || !(n > 0) || n > 1e9 {
		return 0, misusef("--rate %s: give a number above 0 and a unit, as 10/s, 300/m or 100/h", s)
	}
	return n / seconds, nil
}

// maxErrors is how many errors are shown one by one.
const maxErrors = 10

func (f *publishFlags) run(c *cobra.Command, b *bridge, topic string, files []string) error {
	rate, err := perSecond(f.rate)
	if err != nil {
		return err
	}
	input, err := f.source(c, topic, files)
	if err != nil {
		return err
	}
	api, err := b.open()
	if err != nil {
		return err
	}
	defer api.Close()

	cfg := client.DefaultPublishing()
	cfg.Window, cfg.Rate, cfg.Timeout, cfg.RetryFor = f.window, rate, f.timeout, f.retryFor
	notes := newNotes(c.ErrOrStderr())
	failures := 0
	cfg.Failed = func(where string, err error) {
		if failures++; failures <= maxErrors {
			notes.say("culvert: %s: %v", where, err)
		}
	}
	cfg.Trouble = func(err error, wait time.Duration) {
		if !f.quiet {
			notes.trouble(err, wait)
		}
	}
	publisher := api.NewPublisher(cfg)
	stop := func() {}
	if !f.quiet && display.Terminal(c.ErrOrStderr()) {
		stop = notes.progress(func() string { return counts(publisher.Report()) })
	}
	err = publisher.Run(c.Context(), input.Next)
	stop()
	report := publisher.Report()
	if failures > maxErrors {
		notes.say("culvert: … and %d more", failures-maxErrors)
	}
	switch {
	case errors.As(err, new(*client.Unreachable)) && report == client.Report{}:
		return mend(err)
	case err != nil:
		return fmt.Errorf("%w (%s)", mend(err), counts(report))
	case report.Failed > 0:
		return errors.New(counts(report))
	case !f.quiet:
		notes.say("%s", counts(report))
	}
	return nil
}

func counts(r client.Report) string {
	return fmt.Sprintf("%d confirmed, %d failed, %d resent", r.Confirmed, r.Failed, r.Resent)
}
