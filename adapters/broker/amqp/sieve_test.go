package amqp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
	"culvert/tests/brokers"
)

// nested is a value with so many tables and arrays within each other.
func nested(depth int) any {
	var v any = "deep"
	for i := range depth {
		if v = any([]any{v}); i%2 == 0 {
			v = amqp091.Table{"t": v.([]any)[0]}
		}
	}
	return v
}

// bulky are so many headers.
func bulky(n int) amqp091.Table {
	table := amqp091.Table{}
	for i := range n {
		table[strconv.Itoa(100_000+i)] = nil
	}
	return table
}

// watch reads a topic until the end of the test.
func watch(t *testing.T, b *Broker, topic domain.Topic, from domain.Start) <-chan *domain.Message {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	_, chunks, err := b.Tail(ctx, topic, from)
	if err != nil {
		end()
		t.Fatal(err)
	}
	messages := make(chan *domain.Message, 1000)
	var reading sync.WaitGroup
	reading.Go(func() { // ends with ctx
		for c, err := range chunks {
			if err != nil || c.Gap != nil {
				t.Errorf("the view says %v, %v", c.Gap, err)
			}
			for _, m := range c.Messages {
				select {
				case messages <- m:
				case <-ctx.Done():
				}
			}
		}
		close(messages)
	})
	t.Cleanup(func() { end(); reading.Wait() })
	return messages
}

func connectionOf(t *testing.T, l *link) *amqp091.Connection {
	t.Helper()
	conn, err := l.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// A stranger's message whose headers the driver does not read broke the connection of all who read the topic, and whatever else they read on it, each time that it was sent to them: for ever.
func TestAMessageThatTheDriverCannotReadHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	topic := domain.Topic(brokers.Topic(t))
	b, plainly := openBroker(t, rabbit.URL), openBroker(t, rabbit.URL, withoutLog)
	publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
	views := []<-chan *domain.Message{watch(t, b, topic, domain.StartLatest()), watch(t, plainly, topic, domain.StartLatest())}
	conns := []*amqp091.Connection{connectionOf(t, b.viewing), connectionOf(t, plainly.viewing)}

	odd := []amqp091.Table{
		{"deep": nested(40), "a": "kept"},
		{"wide": []any{bulky(9000)}, "a": "kept"},
		bulky(9000),
		{"long": strings.Repeat("x", 131_072-60), "a": ""}, // what the server adds makes it longer than a frame may be
		{"deep": nested(32), "a": "kept"},                  // which the driver reads
	}
	outside := server(t, rabbit.URL)
	if err := outside.Confirm(false); err != nil {
		t.Fatal(err)
	}
	for i, table := range odd {
		confirmed, err := outside.PublishWithDeferredConfirm(string(topic), "", false, false, amqp091.Publishing{Headers: table, Body: []byte(fmt.Sprint("odd ", i))})
		if err != nil || !confirmed.Wait() {
			t.Fatalf("odd %d cannot be published: %v", i, err)
		}
	}
	publish(t.Context(), t, b, topic, &domain.Message{Payload: []byte("after it")}).are("")

	for i, messages := range views {
		for n := range odd {
			m := <-messages
			if got, want := string(m.Payload), fmt.Sprint("odd ", n); got != want {
				t.Fatalf("view %d: came %q, want %q", i, got, want)
			}
			if kept := slices.ContainsFunc(m.Headers, func(h domain.Header) bool { return h.Name == "a" && string(h.Value) == "kept" }); kept != (odd[n]["a"] == "kept") {
				t.Errorf("view %d: the headers of message %d are %.200q", i, n, m.Headers)
			}
			if n == 2 && len(m.Headers) < mostHeaders-2 {
				t.Errorf("view %d: %d headers are left of %d", i, len(m.Headers), len(odd[n]))
			}
		}
		if m := <-messages; string(m.Payload) != "after it" {
			t.Errorf("view %d: came %q, want what is after it", i, m.Payload)
		}
		if conns[i].IsClosed() {
			t.Errorf("the connection of view %d broke", i)
		}
	}
}

// Our own messages must fit into a frame with what the server adds: what it takes it must be able to give.
func TestTheLargestHeadersThatAreTakenCanBeRead(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	topic := domain.Topic(brokers.Topic(t))
	b := openBroker(t, rabbit.URL)
	taken := 0
	for n := 130_700; n < 131_072; n += 7 {
		m := &domain.Message{Headers: headers("a", strings.Repeat("x", n))}
		o := publish(t.Context(), t, b, topic, m)
		o.open.Wait()
		if o.errs[0] == nil {
			taken = n
		}
	}
	if taken == 0 {
		t.Fatal("none was taken")
	}
	if m := <-watch(t, b, topic, domain.StartLast(1)); len(m.Headers) != 1 || len(m.Headers[0].Value) != taken {
		t.Errorf("%d headers came back, want one of %d bytes", len(m.Headers), taken)
	}
}

// framed is the frame of a message's headers, as a server writes it, before the end of another.
func framed(payload []byte) []byte {
	frame := binary.BigEndian.AppendUint32([]byte{frameHeader, 0, 1}, uint32(len(payload)))
	frame = append(append(frame, payload...), 0xce)
	return append(frame, 8, 0, 0, 0, 0, 0, 0, 0xce)
}

// content is the payload of a frame with headers, whose table is given.
func content(contentType string, table []byte) []byte {
	flags := uint16(flagHeaders)
	if contentType != "" {
		flags |= flagContentType
		contentType = string([]byte{byte(len(contentType))}) + contentType
	}
	payload := binary.BigEndian.AppendUint16(bytes.Repeat([]byte{0}, beforeProperties-2), flags)
	payload = append(payload, contentType...)
	return append(binary.BigEndian.AppendUint32(payload, uint32(len(table))), table...)
}

type oneWay struct {
	net.Conn
	io.Reader
}

func (w oneWay) Read(p []byte) (int, error) { return w.Reader.Read(p) }

func sift(t *testing.T, wire []byte, longest int64) (out []byte, found bool) {
	t.Helper()
	s := newSieve(oneWay{Reader: iotest.HalfReader(bytes.NewReader(wire))}, func() { found = true })
	s.longest.Store(longest)
	out, err := io.ReadAll(iotest.OneByteReader(s))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	return out, found
}

func TestWhatTheDriverCanReadIsLeftAlone(t *testing.T) {
	offset := append([]byte("\x0fx-stream-offsetl"), 0, 0, 0, 0, 0, 0, 0, 9)
	for name, wire := range map[string][]byte{
		"no AMQP":            []byte("\x15\x03\x03\x00\x02\x02\x0a"),
		"another protocol":   []byte("AMQP\x00\x00\x09\x01"),
		"headers":            framed(content("text", slices.Concat([]byte("\x01aS\x00\x00\x00\x01x\x00V"), offset))),
		"no headers":         framed(make([]byte, beforeProperties)),
		"less than that":     framed(make([]byte, 3)),
		"a table that lies":  framed(append(content("", nil)[:beforeProperties], 0xff, 0xff, 0xff, 0xff, 1)),
		"a type that it has": framed(append([]byte(nil), content(strings.Repeat("c", 255), offset)...)),
	} {
		if out, found := sift(t, wire, 0); !bytes.Equal(out, wire) || found {
			t.Errorf("%s: %q became %q", name, wire, out)
		}
	}
	long := framed(content("", slices.Concat([]byte("\x01aS\x00\x00\x10\x00"), make([]byte, 4096), []byte("\x01bt\x01"), offset)))
	out, found := sift(t, long, 4096)
	if want := framed(content("", slices.Concat(offset, []byte("\x01bt\x01")))); !bytes.Equal(out, want) || !found {
		t.Errorf("what is too long for a frame became %q, want %q", out, want)
	}
}

// Whatever comes, what is made of it needs no more mending, and is no longer than it may be.
func FuzzRepair(f *testing.F) {
	f.Add(content("text", []byte("\x01aF\x00\x00\x00\x04\x01bt\x01")), 0)
	f.Add(content("", []byte("\x01aA\x00\x00\x00\x02VV\x01bS\x00\x00\x00\x03abc")), 30)
	f.Add(content("", bytes.Repeat([]byte("\x00V"), 9000)), 0)
	f.Add(content("", bytes.Repeat([]byte("\x01aA\x00\x00\x01\x00"), 40)), 0)
	f.Fuzz(func(t *testing.T, payload []byte, room int) {
		before := bytes.Clone(payload)
		repaired := repair(payload, room)
		if !bytes.Equal(before, payload) {
			t.Fatal("the payload itself was changed")
		}
		if repaired == nil {
			return
		}
		if len(repaired) > len(payload) {
			t.Fatalf("%d bytes became %d", len(payload), len(repaired))
		}
		if again := repair(repaired, 0); again != nil {
			t.Fatalf("%q became %q, and that %q", payload, repaired, again)
		}
	})
}
