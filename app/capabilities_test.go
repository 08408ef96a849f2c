package app

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"culvert/adapters/broker"
	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/ports"
)

// The table of capabilities in the README stands between these lines.
const (
	tableBegins = "<!-- capabilities: what the brokers declare, written by UPDATE_GOLDEN=1 go test ./app -run TestREADME -->\n"
	tableEnds   = "<!-- end of capabilities -->\n"
)

// column is what a broker can do as it is by default, and what besides by which setting.
type column struct {
	title    string
	declared domain.Capabilities
	settings []setting
}

// setting is one that changes what a broker can do.
type setting struct {
	words    string // how a cell of the table says it
	declared domain.Capabilities
}

// The README's table once said by hand what brokers can do, and was behind what they did.
func TestREADMETellsTheCapabilities(t *testing.T) {
	const path = "../README.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	has, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("the README has no lines\n%s%s", tableBegins, tableEnds)
	}
	table := capabilityTable(t)
	if has == table {
		return
	}
	if os.Getenv("UPDATE_GOLDEN") != "1" {
		t.Fatalf("the README is stale: UPDATE_GOLDEN=1 go test ./app -run TestREADME writes\n%s", table)
	}
	if err := os.WriteFile(path, []byte(before+tableBegins+table+tableEnds+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

func capabilityTable(t *testing.T) string {
	columns := brokerColumns(t)
	var b strings.Builder
	b.WriteString("| |")
	for _, c := range columns {
		b.WriteString(" " + c.title + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, row := range documented(t) {
		fmt.Fprintf(&b, "| `%s`: %s |", row.capability, row.meaning)
		for _, c := range columns {
			b.WriteString(" " + c.cell(row.capability) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cell is yes, no, or what makes it one or the other.
func (c column) cell(capability domain.Capability) string {
	var words []string
	for _, s := range c.settings {
		if s.declared.Has(capability) != c.declared.Has(capability) {
			words = append(words, s.words)
		}
	}
	switch {
	case len(words) > 0:
		return strings.Join(words, " or ")
	case c.declared.Has(capability):
		return "yes"
	}
	return "no"
}

// brokerColumns asks brokers of every kind, which need not be reachable for that, and a Watermill pair.
func brokerColumns(t *testing.T) (columns []column) {
	for _, kind := range kinds {
		of := func(change func(*Cluster)) domain.Capabilities {
			cluster := defaultCluster()
			cluster.Name, cluster.Kind = kind, kind
			change(&cluster)
			b, err := newBroker(cluster, slog.New(slog.DiscardHandler))
			return declared(t, b, err)
		}
		c := column{title: "`" + kind + "`", declared: of(func(*Cluster) {})}
		for _, s := range kindSettings {
			if s.kind == kind {
				c.settings = append(c.settings, setting{s.words, of(s.change)})
			}
		}
		columns = append(columns, c)
	}
	return append(columns, pairColumn(t))
}

// kindSettings are the settings of each kind that change what its brokers can do.
var kindSettings = []struct {
	kind, words string
	change      func(*Cluster)
}{
	{kindKafka, "with `topics[].create`", func(c *Cluster) {
		c.Kafka.Create = func(domain.Topic) (kafka.CreateSpec, bool) { return kafka.CreateSpec{Partitions: 1}, true }
	}},
	{kindAMQP, "where the server has streams", func(c *Cluster) { c.AMQP.Streams = "off" }},
	{kindAMQP, "with `amqp.management`", func(c *Cluster) { c.AMQP.Management = "http://127.0.0.1:15672" }},
	{kindAMQP, "unless `amqp.create_topics` is off", func(c *Cluster) { c.AMQP.CreateTopics = false }},
}

func pairColumn(t *testing.T) column {
	of := func(change func(*broker.Config)) domain.Capabilities {
		cfg := broker.DefaultConfig()
		change(&cfg)
		channel := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
		b, err := broker.NewPair(channel, channel, cfg)
		return declared(t, b, err)
	}
	return column{
		title:    "any Watermill pair",
		declared: of(func(*broker.Config) {}),
		settings: []setting{
			{"with `KeyOrder`", of(func(c *broker.Config) { c.KeyOrder = true })},
			{"with `ReceiptPosition`", of(func(c *broker.Config) { c.ReceiptPosition = true })},
			{"with `Catalogue`", of(func(c *broker.Config) { c.Catalogue = true })},
		},
	}
}

// declared is what b says that it can do, and its end.
func declared(t *testing.T, b ports.Broker, err error) domain.Capabilities {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	can := b.Capabilities("any")
	if err := b.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return can
}

// row is a capability and what it means.
type row struct {
	capability domain.Capability
	meaning    string
}

// documented are all capabilities in the order of the protocol, with the comments that domain has on them.
func documented(t *testing.T) (rows []row) {
	file, err := parser.ParseFile(token.NewFileSet(), "../domain/capability.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Capability" {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no text", spec.Names[0])
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row{domain.Capability(value), strings.TrimSpace(spec.Comment.Text())})
		return true
	})
	if len(rows) == 0 {
		t.Fatal("there are no capabilities")
	}
	return rows
}
