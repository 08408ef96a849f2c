package inject_test

import (
	"testing"

	"culvert/domain"
	"culvert/ports"
)

// BenchmarkPut is the cost of a message that goes through a window to a publisher which confirms at once.
func BenchmarkPut(b *testing.B) {
	s := newService(b, publisherFunc(confirm), nil)
	told := 0
	i := s.Open(b.Context(), func(outcomes []ports.Outcome) { told += len(outcomes) })
	messages := make([]domain.Message, 4096)
	for k := range messages {
		messages[k] = domain.Message{Key: []byte("key"), Payload: []byte("payload")}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, err := i.Put(b.Context(), "orders", &messages[n%len(messages)], "id"); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if err := i.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if told != n {
		b.Fatalf("%d of %d messages were answered", told, n)
	}
}

// BenchmarkPutAndFlush is the cost of one message on an idle connection.
func BenchmarkPutAndFlush(b *testing.B) {
	s := newService(b, publisherFunc(confirm), nil)
	i := s.Open(b.Context(), func([]ports.Outcome) {})
	m := &domain.Message{Payload: []byte("payload")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Put(b.Context(), "orders", m, ""); err != nil {
			b.Fatal(err)
		}
		if err := i.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
