package foreign_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"culvert/domain"
	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// sarama counts with go-metrics, whose one clock goroutine lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

const partitions = 5

// ours is our side of a topic that foreigners use too: a bridge.
type ours struct {
	bridge  *bridge.Bridge
	cluster brokers.KafkaCluster // of a topic of Kafka's
	topic   string
}

func meet(t *testing.T) ours {
	t.Helper()
	cluster := brokers.Kafka(t)
	o := ours{bridge: bridge.Start(t, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS="+cluster.Bootstrap()), cluster: cluster, topic: brokers.Topic(t)}
	brokers.CreateTopic(t, cluster, o.topic, partitions)
	return o
}

// patience is the lifetime of a client of the bridge.
func patience(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 30*time.Second)
}

// pub is a message as a client injects it.
type pub struct {
	ID      string          `json:"id"`
	Op      string          `json:"op"`
	Topic   string          `json:"topic"`
	Key     *string         `json:"key,omitempty"`
	Key64   string          `json:"key64,omitempty"`
	Headers [][]any         `json:"headers,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Text    *string         `json:"text,omitempty"`
	Base64  string          `json:"base64,omitempty"`
}

func pubOf(topic, id string, m *domain.Message) pub {
	p := pub{ID: id, Op: "pub", Topic: topic}
	switch {
	case m.Key == nil:
	case utf8.Valid(m.Key):
		key := string(m.Key)
		p.Key = &key
	default:
		p.Key64 = base64.StdEncoding.EncodeToString(m.Key)
	}
	for _, h := range m.Headers {
		if utf8.Valid(h.Value) {
			p.Headers = append(p.Headers, []any{h.Name, string(h.Value)})
		} else {
			p.Headers = append(p.Headers, []any{h.Name, nil, base64.StdEncoding.EncodeToString(h.Value)})
		}
	}
	switch {
	case m.Payload == nil:
		p.Payload = json.RawMessage("null")
	case utf8.Valid(m.Payload):
		text := string(m.Payload)
		p.Text = &text
	default:
		p.Base64 = base64.StdEncoding.EncodeToString(m.Payload)
	}
	return p
}

// place is where a message stands, and its time, as an ack tells them.
type place struct {
	Op        string    `json:"op"`
	ID        string    `json:"id"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Time      time.Time `json:"time"`
}

// publish injects messages over a WebSocket and waits for every ack.
func (o ours) publish(t *testing.T, batch ...*domain.Message) []place {
	t.Helper()
	ctx, cancel := patience(t)
	defer cancel()
	socket, err := client.OpenWS(ctx, o.bridge.URL+"/v1/ws", "culvert.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	at := map[string]int{}
	for i, m := range batch {
		id := string(rune('a' + i))
		at[id] = i
		if err := socket.SendJSON(ctx, pubOf(o.topic, id, m)); err != nil {
			t.Fatal(err)
		}
	}
	acks := make([]place, len(batch))
	for range batch {
		text, err := socket.Text(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var ack place
		if err := json.Unmarshal([]byte(text), &ack); err != nil || ack.Op != "ack" {
			t.Fatalf("the answer is %s: %v", text, err)
		}
		acks[at[ack.ID]] = ack
	}
	return acks
}

// envelope is a message as a client is shown it.
type envelope struct {
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Key       *string           `json:"key"`
	Key64     []byte            `json:"key64"`
	Headers   []json.RawMessage `json:"headers"`
	Time      time.Time         `json:"time"`
	Payload   json.RawMessage   `json:"payload"`
	Text      *string           `json:"text"`
	Base64    []byte            `json:"base64"`
}

func (e *envelope) message(t *testing.T) *domain.Message {
	t.Helper()
	m := &domain.Message{Key: e.Key64, Payload: e.Base64, Time: e.Time, Position: domain.Position{Partition: e.Partition, Offset: e.Offset}}
	if e.Key != nil {
		m.Key = []byte(*e.Key)
	}
	switch {
	case e.Text != nil:
		m.Payload = []byte(*e.Text)
	case e.Payload != nil && string(e.Payload) != "null":
		m.Payload = e.Payload
	}
	for _, raw := range e.Headers {
		var parts []*string
		if err := json.Unmarshal(raw, &parts); err != nil {
			t.Fatal(err)
		}
		header := domain.Header{Name: *parts[0]}
		if parts[1] != nil {
			header.Value = []byte(*parts[1])
		} else {
			value, err := base64.StdEncoding.DecodeString(*parts[2])
			if err != nil {
				t.Fatal(err)
			}
			header.Value = value
		}
		m.Headers = append(m.Headers, header)
	}
	return m
}

// read views the topic from its beginning as an event stream of envelopes, and gives the first n messages, sorted by payload.
func (o ours) read(t *testing.T, n int) []*domain.Message {
	t.Helper()
	ctx, cancel := patience(t)
	defer cancel()
	stream, err := client.OpenSSE(ctx, o.bridge.URL+"/v1/topics/"+o.topic+"/events?from=earliest&envelope=1", "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var got []*domain.Message
	for len(got) < n {
		event, err := stream.Until("message")
		if err != nil {
			t.Fatalf("%v after %d of %d messages", err, len(got), n)
		}
		var e envelope
		if err := json.Unmarshal([]byte(event.Data), &e); err != nil {
			t.Fatalf("%s: %v", event.Data, err)
		}
		got = append(got, e.message(t))
	}
	slices.SortStableFunc(got, func(a, b *domain.Message) int { return bytes.Compare(a.Payload, b.Payload) })
	return got
}
