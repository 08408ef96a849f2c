package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"culvert/cmd/client"
	"culvert/cmd/display"
)

func topics() *cobra.Command {
	var b bridge
	var output string
	var long bool
	c := &cobra.Command{
		Use:     "topics [PATTERN]",
		Short:   "List the topics, and what can be done with them",
		GroupID: groupClients,
		Long:    "List the topics of a bridge, or those that fit a pattern, in which * stands for any characters.",
		Example: `  culvert topics
  culvert topics 'orders.*' --long        # with capabilities, partitions, and their first and next offset
  culvert topics -o json | jq -r '.topics[].topic'`,
		Args: need(0, 1, "one pattern at most"),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := b.openFor(output, outputTable)
			if err != nil {
				return err
			}
			defer api.Close()
			all, err := api.Topics(c.Context())
			if err != nil {
				return mend(err)
			}
			all.Topics = all.Match(strings.Join(args, ""))
			if !all.Complete {
				fmt.Fprintln(c.ErrOrStderr(), "culvert: the list is not complete: a broker does not tell its topics, so only those that this bridge knows are listed")
			}
			if long {
				return describe(c.Context(), api, c.OutOrStdout(), all, output)
			}
			if output == display.JSON {
				return document(c.OutOrStdout(), all)
			}
			var rows [][]string
			for _, t := range all.Topics {
				rows = append(rows, []string{t.Topic, t.Broker})
			}
			return display.Table(c.OutOrStdout(), []string{"TOPIC", "BROKER"}, rows)
		},
	}
	c.Flags().BoolVarP(&long, "long", "l", false, "describe each topic")
	registerOutput(c, &output, outputTable)
	b.register(c)
	completeTopics(c, &b)
	return c
}

// outputTable is the output of lists for people.
const outputTable = "table"

// registerOutput registers -o, which is plain, for people, or JSON.
func registerOutput(c *cobra.Command, output *string, plain string) {
	c.Flags().StringVarP(output, "output", "o", plain, plain+" or json")
	completeWords(c, "output", plain, display.JSON)
}

// openFor opens the client of a command with such an output.
func (b *bridge) openFor(output, plain string) (*client.API, error) {
	if output != plain && output != display.JSON {
		return nil, misusef("there is no output %q: it is %s or %s", output, plain, display.JSON)
	}
	return b.open()
}

// document writes v as JSON.
func document(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// describe shows all there is to know of topics: a row for each partition.
func describe(ctx context.Context, api *client.API, out io.Writer, all client.Topics, output string) error {
	var rows [][]string
	wholes := []json.RawMessage{}
	for _, entry := range all.Topics {
		t, whole, err := api.Topic(ctx, entry.Topic)
		if err != nil {
			return fmt.Errorf("%s: %w", entry.Topic, mend(err))
		}
		wholes = append(wholes, whole)
		name, broker, capabilities := t.Topic, t.Broker, strings.Join(t.Capabilities, " ")
		for _, p := range t.Partitions {
			rows = append(rows, []string{name, broker, strconv.Itoa(p.Partition), number(p.First), number(p.End), capabilities})
			name, broker, capabilities = "", "", ""
		}
		if len(t.Partitions) == 0 {
			rows = append(rows, []string{name, broker, display.Nothing, display.Nothing, display.Nothing, capabilities})
		}
	}
	if output == display.JSON {
		return document(out, map[string]any{"topics": wholes, "complete": all.Complete})
	}
	return display.Table(out, []string{"TOPIC", "BROKER", "PARTITION", "FIRST", "END", "CAPABILITIES"}, rows)
}

// number is n, or what stands for what the broker does not tell.
func number[N int | int64](n *N) string {
	if n == nil {
		return display.Nothing
	}
	return strconv.FormatInt(int64(*n), 10)
}
