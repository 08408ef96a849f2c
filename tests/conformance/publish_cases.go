package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"culvert/domain"
)

// content are messages of every kind, each with another payload or none, by what is special about them.
func content() (names []string, messages []*domain.Message) {
	add := func(name string, m domain.Message) {
		m.Time = someTime.Add(time.Duration(len(names)) * time.Second)
		names = append(names, name)
		messages = append(messages, &m)
	}
	header := func(nameValue ...string) (hs []domain.Header) {
		for i := 0; i < len(nameValue); i += 2 {
			hs = append(hs, domain.Header{Name: nameValue[i], Value: []byte(nameValue[i+1])})
		}
		return hs
	}
	add("a key", domain.Message{Key: []byte("k"), Payload: []byte("a key")})
	add("no key", domain.Message{Payload: []byte("no key")})
	add("an empty key", domain.Message{Key: []byte{}, Payload: []byte("an empty key")})
	add("a binary key", domain.Message{Key: []byte{0xff, 0, 0xfe, '\n'}, Payload: []byte("a binary key")})
	add("a tombstone", domain.Message{Key: []byte("tombstone")})
	add("an empty payload", domain.Message{Key: []byte("empty"), Payload: []byte{}})
	add("a binary payload", domain.Message{Key: []byte("k"), Payload: []byte{0, 1, 0xff, '\r', '\n', 0}})
	add("a large payload", domain.Message{Key: []byte("k"), Payload: bytes.Repeat([]byte("0123456789"), 100_000)})
	add("headers", domain.Message{Payload: []byte("headers"), Headers: header("b", "2", "a", "1", "c", "3")})
	add("headers of one name", domain.Message{Payload: []byte("headers of one name"), Headers: header("a", "1", "b", "x", "a", "2", "a", "")})
	add("binary headers", domain.Message{Payload: []byte("binary headers"), Headers: header("a", "\xff\x00\xfe", "b", "line\r\nline")})
	add("foreign letters", domain.Message{Key: []byte("schlüssel"), Payload: []byte("日本語"), Headers: header("größe", "weiß")})
	add("a header with a name of ours", domain.Message{Payload: []byte("a name of ours"), Headers: header("culvert-key", "x", "culvert-tombstone", "1")})
	return names, messages
}

// checkContent: messages of every kind come out as they went in.
func checkContent(ctx context.Context, b *bench) error {
	topic := b.topic()
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	names, sent := content()
	if _, err := b.publish(ctx, topic, sent...); err != nil {
		return err
	}
	got, err := r.read(len(sent))
	if err != nil {
		return err
	}
	var problems []error
	for i, want := range sent {
		if !slices.ContainsFunc(got, func(m *domain.Message) bool { return b.difference(want, m) == "" }) {
			problems = append(problems, fmt.Errorf("%s: did not come as it was sent%s", names[i], b.nearest(want, got)))
		}
	}
	return errors.Join(problems...)
}

// nearest says how the received message with want's payload, if there is one, differs from it.
func (b *bench) nearest(want *domain.Message, got []*domain.Message) string {
	for _, m := range got {
		if bytes.Equal(m.Payload, want.Payload) && len(m.Payload) > 0 {
			return ": " + b.difference(want, m)
		}
	}
	return ""
}

// difference says what of a message is not as it was; empty where all is.
func (b *bench) difference(want, got *domain.Message) string {
	switch {
	case !bytes.Equal(want.Key, got.Key) || (want.Key == nil) != (got.Key == nil) && !b.FoldsEmptyKey:
		return fmt.Sprintf("the key %#v is %#v", want.Key, got.Key)
	case (want.Payload == nil) != (got.Payload == nil):
		return fmt.Sprintf("tombstone is %t", got.Tombstone())
	case !bytes.Equal(want.Payload, got.Payload):
		return "the payload differs"
	case !slices.EqualFunc(want.Headers, got.Headers, func(x, y domain.Header) bool { return x.Name == y.Name && bytes.Equal(x.Value, y.Value) }):
		return fmt.Sprintf("the headers %q are %q", want.Headers, got.Headers)
	case !got.Time.IsZero() && want.Time.UnixMilli() != got.Time.UnixMilli():
		return fmt.Sprintf("the time %s is %s", want.Time, got.Time)
	}
	return ""
}

// checkBatches: 10,000 messages in batches come each once.
func checkBatches(ctx context.Context, b *bench) error {
	const batches, size = 20, 500
	topic := b.topic()
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	var underWay []*pending
	for i := range batches {
		underWay = append(underWay, b.begin(ctx, topic, numbered(i*size, size)))
	}
	for _, p := range underWay {
		if _, err := p.wait(ctx); err != nil {
			return err
		}
	}
	got, err := r.read(batches * size)
	if err != nil {
		return err
	}
	return expectNumbers(got, 0, batches*size)
}

// checkKeyOrder: messages of one key keep the order in which they were published, under concurrent publishers that do not wait for
// their answers.
func checkKeyOrder(ctx context.Context, b *bench) error {
	const keys, batches, size = 8, 25, 10
	topic := b.topic()
	if !b.can(topic, domain.KeyOrder) {
		return nil
	}
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	errs := make([]error, keys)
	var publishers sync.WaitGroup
	for k := range keys {
		publishers.Go(func() { // ends when its messages are answered
			var underWay []*pending
			for n := range batches {
				batch := make([]*domain.Message, size)
				for i := range batch {
					batch[i] = &domain.Message{Key: fmt.Append(nil, k), Payload: fmt.Append(nil, n*size+i)}
				}
				underWay = append(underWay, b.begin(ctx, topic, batch))
			}
			for _, p := range underWay {
				_, err := p.wait(ctx)
				errs[k] = errors.Join(errs[k], err)
			}
		})
	}
	publishers.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	got, err := r.read(keys * batches * size)
	if err != nil {
		return err
	}
	next := map[string]int{}
	for _, m := range got {
		if key := string(m.Key); string(m.Payload) != strconv.Itoa(next[key]) {
			return fmt.Errorf("key %s: message %s where %d was due", key, m.Payload, next[key])
		}
		next[string(m.Key)]++
	}
	return nil
}

// checkAcks: an ack tells where the message stands, where the broker can tell, and nothing otherwise.
func checkAcks(ctx context.Context, b *bench) error {
	topic := b.topic()
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	acks, err := b.publish(ctx, topic, numbered(0, 50)...)
	if err != nil {
		return err
	}
	got, err := r.read(50)
	if err != nil {
		return err
	}
	stands := map[string]domain.Position{}
	for _, m := range got {
		stands[string(m.Payload)] = m.Position
	}
	tells := b.can(topic, domain.ReceiptPosition)
	for i, ack := range acks {
		switch {
		case !tells && ack.Position != nil:
			return fmt.Errorf("message %d: the ack has a position, the broker does not declare %s", i, domain.ReceiptPosition)
		case tells && ack.Position == nil:
			return fmt.Errorf("message %d: the ack has no position, the broker declares %s", i, domain.ReceiptPosition)
		case tells && *ack.Position != stands[strconv.Itoa(i)]:
			return fmt.Errorf("message %d: the ack says %+v, it stands at %+v", i, *ack.Position, stands[strconv.Itoa(i)])
		}
	}
	return nil
}

// checkStuckReader: a reader that takes nothing holds up nobody.
func checkStuckReader(ctx context.Context, b *bench) error {
	topic := b.topic()
	stuck, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer stuck.stop()
	if _, err := b.publish(ctx, topic, numbered(0, 1)...); err != nil {
		return err
	}
	if _, err := stuck.read(1); err != nil {
		return err
	}
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	const n, size = 20, 200
	for i := range n {
		batch := numbered(i*size, size)
		for _, m := range batch {
			m.Headers = []domain.Header{{Name: "padding", Value: []byte(strings.Repeat("x", 2000))}}
		}
		if _, err := b.publish(ctx, topic, batch...); err != nil {
			return err
		}
	}
	got, err := r.read(n * size)
	if err != nil {
		return err
	}
	return expectNumbers(got, 0, n*size)
}
