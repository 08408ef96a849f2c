package amqp

import (
	"log/slog"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// A message that is too large was one of which nobody knows whether it is there, where the server had said so before the last byte was written.
func TestWhatTheServerSaysOfAMessageThatIsBeingWritten(t *testing.T) {
	b, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close(t.Context()) }()
	outcome := make(chan error, 1)
	p := newParcel([]*domain.Message{{Payload: make([]byte, 20)}}, time.Minute, func(int) string { return "" },
		func(_ int, _ domain.Ack, err error) { outcome <- err }, func(*parcel) {})
	p.sealed()
	o := &p.messages[0]
	s := &session{sender: newSender(b, b.publisher, "orders", func() {})}
	s.sender.send(t.Context(), o)
	if !o.leave() || !s.begin(o) {
		t.Fatal("nothing can be written")
	}
	s.close(&amqp091.Error{Code: amqp091.PreconditionFailed, Server: true, Reason: "PRECONDITION_FAILED - " + tooLarge + "20 is larger than configured max size 10"})
	if !s.wrote(o, nil) {
		t.Error("it is to be written again")
	}
	if err := <-outcome; domain.CodeOf(err) != domain.TooLarge {
		t.Errorf("the outcome is %v", err)
	}
}
