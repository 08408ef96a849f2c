package amqp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// Topology is how a topic lies in a server where a team has laid it out already, or wants it otherwise. In its names {topic} stands for
// the topic, and in Queue {queue} for the queue. What is empty is as for all topics.
type Topology struct {
	// Topic is a topic, or a pattern in which * stands for any characters.
	Topic string `mapstructure:"topic"`
	// Exchange is where the topic is published to. By default it is {topic}. "amq.default" is the server's default exchange: the routing key is then the name of a queue.
	Exchange string `mapstructure:"exchange"`
	// Type is what kind of exchange is declared where there is none: fanout by default, direct, topic or headers.
	Type string `mapstructure:"type"`
	// RoutingKey is what messages are published with, and BindingKey what the log and queues are bound with: by default the same.
	RoutingKey string `mapstructure:"routing_key"`
	BindingKey string `mapstructure:"binding_key"`
	// Queue is the name of the topic's queues. By default it is {topic}:{queue}. Without {queue} the topic has one queue, whatever members call it.
	Queue string `mapstructure:"queue"`
	// Log is the stream that keeps the topic's messages. By default it is {topic}:$log; "none" for none.
	Log string `mapstructure:"log"`
	// Passive declares and binds nothing: what is not there is refused.
	Passive bool `mapstructure:"passive"`
}

// What stands for the topic and the queue in the names of a Topology.
const (
	topicVariable = "{topic}"
	queueVariable = "{queue}"
)

const (
	defaultExchange = "{topic}"
	defaultQueue    = "{topic}:{queue}"
	defaultLog      = "{topic}:$log"
	noLog           = "none"
	// unnamed is how a Topology calls the exchange whose name is empty. No other exchange can be called so.
	unnamed = ownPrefix + "default"
	// ownPrefix begins the names that the server keeps for itself (AMQP 0-9-1, exchange.declare, rule "reserved").
	ownPrefix = "amq."
)

func (t Topology) validate() error {
	pattern := strings.ReplaceAll(t.Topic, "*", "")
	if _, err := domain.ParseTopic(pattern + "x"); err != nil || t.Topic == "" {
		return fmt.Errorf("topic is %q: give a topic; letters, digits, '.', '_', '-' and '*' are possible", t.Topic)
	}
	kinds := []string{"", amqp091.ExchangeFanout, amqp091.ExchangeDirect, amqp091.ExchangeTopic, amqp091.ExchangeHeaders}
	if !slices.Contains(kinds, t.Type) && !strings.HasPrefix(t.Type, "x-") {
		return fmt.Errorf("type is %q: it must be fanout, direct, topic, headers, or one of a plugin's (x-…)", t.Type)
	}
	if t.Exchange == unnamed && t.RoutingKey == "" {
		return fmt.Errorf("exchange is %q, and routing_key is empty: it must be the name of the queue", t.Exchange)
	}
	if t.Log != "" && t.Log != noLog && strings.Contains(t.Topic, "*") && !strings.Contains(t.Log, topicVariable) {
		return fmt.Errorf("log is %q for all topics of %q: with {topic} in it each has its own, without it they would show each other's messages", t.Log, t.Topic)
	}
	if t.Log != "" && t.Log == t.Queue {
		return fmt.Errorf("log and queue are both %q: a log keeps what a queue gives away", t.Log)
	}
	return t.validateNames()
}

// validateNames refuses what stands in braces and for nothing: a misspelt variable would be the same name for all topics.
func (t Topology) validateNames() error {
	for _, v := range []struct{ key, name string }{
		{"exchange", t.Exchange}, {"routing_key", t.RoutingKey}, {"binding_key", t.BindingKey}, {"queue", t.Queue}, {"log", t.Log},
	} {
		rest := strings.ReplaceAll(v.name, topicVariable, "")
		if v.key == "queue" {
			rest = strings.ReplaceAll(rest, queueVariable, "")
		}
		if strings.ContainsAny(rest, "{}") {
			return fmt.Errorf("%s is %q: {topic} stands for the topic, and in queue {queue} for the queue; nothing else can be in braces", v.key, v.name)
		}
	}
	return nil
}

// layout is where one topic lies in the server.
type layout struct {
	topic      domain.Topic
	exchange   string
	kind       string
	routingKey string
	bindingKey string
	log        string // the stream; empty where the topic has none
	queues     string // the template of its queues' names
	passive    bool
	reserved   bool // the topic's name is one of the server's own
}

// layout finds where topic lies.
func (c Config) layout(topic domain.Topic) layout {
	var t Topology
	for _, entry := range c.Topology {
		if ok, _ := path.Match(entry.Topic, string(topic)); ok { // topics have no slash
			t = entry
			break
		}
	}
	name := func(template, otherwise string) string {
		if template == "" {
			template = otherwise
		}
		return strings.ReplaceAll(template, topicVariable, string(topic))
	}
	l := layout{
		topic:      topic,
		exchange:   name(t.Exchange, defaultExchange),
		kind:       t.Type,
		routingKey: name(t.RoutingKey, ""),
		log:        name(t.Log, defaultLog),
		queues:     name(t.Queue, defaultQueue),
		passive:    t.Passive,
	}
	l.bindingKey = name(t.BindingKey, l.routingKey)
	if l.kind == "" {
		l.kind = amqp091.ExchangeFanout
	}
	if t.Exchange == unnamed {
		l.exchange = ""
	}
	l.reserved = strings.HasPrefix(l.exchange, ownPrefix) && !strings.HasPrefix(t.Exchange, ownPrefix)
	if t.Log == "" {
		l.log = logOf(topic)
	}
	// Nothing can be bound to the default exchange.
	if l.log == noLog || c.Streams == streamsOff || l.exchange == "" && t.Log == "" {
		l.log = ""
	}
	return l
}

// logOf is what the log of a topic is called where a Topology does not say so. The server makes a folder of it, whose name has its virtual host and a time besides, and 255 bytes:
// a long one is cut, with what tells it from the others.
func logOf(topic domain.Topic) string {
	name := string(topic)
	const most, head = 200, 160
	if len(name) > most {
		digest := sha256.Sum256([]byte(name))
		name = name[:head] + ":" + hex.EncodeToString(digest[:16])
	}
	return strings.ReplaceAll(defaultLog, topicVariable, name)
}

// usable refuses the server's own names, and names that AMQP cannot carry. The driver would give up the connection for those, and with it whatever else that carries.
func (l layout) usable(names ...string) error {
	if l.reserved {
		return domain.Errorf(domain.NotAllowed, "topic %q has a name of the broker's own: those begin with %s", l.topic, ownPrefix)
	}
	for _, name := range names {
		if len(name) > longestName {
			return domain.Errorf(domain.Unsupported, "what the broker's topology makes of the names of topic %q is %d bytes long: %d are possible", l.topic, len(name), longestName)
		}
	}
	return nil
}

// queue is the name of one of the topic's queues.
func (l layout) queue(queue domain.Queue) string {
	return strings.ReplaceAll(l.queues, queueVariable, string(queue))
}
