package foreign_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/adapters/broker"
	"culvert/adapters/broker/kafka"
	"culvert/domain"
)

// publishAs publishes as a Watermill application does.
func publishAs(t *testing.T, o ours, marshaler wkafka.Marshaler, messages ...*message.Message) {
	t.Helper()
	cfg := wkafka.DefaultSaramaSyncPublisherConfig()
	cfg.Producer.Partitioner = sarama.NewMurmur2Partitioner
	p, err := wkafka.NewPublisher(wkafka.PublisherConfig{Brokers: o.cluster.Addrs, Marshaler: marshaler, OverwriteSaramaConfig: cfg}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Publish(o.topic, messages...); err != nil {
		t.Fatal(err)
	}
}

// readAs gives the first n messages as a Watermill application reads them, by payload.
func readAs(t *testing.T, o ours, unmarshaler wkafka.Unmarshaler, n int) map[string]*message.Message {
	t.Helper()
	cfg := wkafka.DefaultSaramaSubscriberConfig()
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	s, err := wkafka.NewSubscriber(wkafka.SubscriberConfig{Brokers: o.cluster.Addrs, Unmarshaler: unmarshaler, OverwriteSaramaConfig: cfg}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	messages, err := s.Subscribe(t.Context(), o.topic)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*message.Message{}
	for late := time.After(30 * time.Second); len(got) < n; {
		select {
		case m := <-messages:
			got[string(m.Payload)] = m
			m.Ack()
		case <-late:
			t.Fatalf("%d messages came, want %d", len(got), n)
		}
	}
	return got
}

func TestWhatAWatermillApplicationWrites(t *testing.T) {
	o := meet(t)
	m := message.NewMessage("its-own-id", []byte("hello"))
	m.Metadata.Set("correlation_id", "42")
	publishAs(t, o, wkafka.DefaultMarshaler{}, m)

	got := o.read(t, 1)[0]
	if want := []domain.Header{{Name: "correlation_id", Value: []byte("42")}}; string(got.Payload) != "hello" || got.Key != nil || fmt.Sprint(got.Headers) != fmt.Sprint(want) {
		t.Errorf("read %+v, want the payload, no key, and the metadata as the only headers", got)
	}
}

func TestWhatAWatermillApplicationReads(t *testing.T) {
	o := meet(t)
	o.publish(t, &domain.Message{Key: []byte("k"), Payload: []byte("hello"), Headers: []domain.Header{{Name: "correlation_id", Value: []byte("42")}}})

	got := readAs(t, o, wkafka.DefaultMarshaler{}, 1)["hello"]
	if got == nil || got.UUID == "" || got.Metadata.Get("correlation_id") != "42" || len(got.Metadata) != 1 {
		t.Errorf("the application read %+v, want a UUID and the headers as metadata", got)
	}
}

func TestAWatermillApplicationWithOurMarshaler(t *testing.T) {
	o := meet(t)
	binary := []byte{0xff, 0x00}
	written := &domain.Message{
		Key: []byte("AAPL"), Payload: []byte("theirs"), Time: time.UnixMilli(time.Now().Add(-time.Minute).UnixMilli()).UTC(),
		Headers: []domain.Header{{Name: "h", Value: []byte("1")}, {Name: "h", Value: binary}},
	}
	ours := *written
	ours.Payload = []byte("ours")
	publishAs(t, o, kafka.Marshaler{}, broker.Encode("id", written), broker.Encode("", &domain.Message{Key: []byte("AAPL")}),
		broker.Encode("", &domain.Message{Key: binary, Payload: binary}))
	ack := o.publish(t, &ours)[0]

	read := o.read(t, 4)
	tombstone, theirs, bytes := read[0], read[2], read[3]
	if !tombstone.Tombstone() || string(tombstone.Key) != "AAPL" {
		t.Errorf("the tombstone is %+v", tombstone)
	}
	if fmt.Sprint(theirs.Headers) != fmt.Sprint(written.Headers) || !theirs.Time.Equal(written.Time) || theirs.Partition != ack.Partition {
		t.Errorf("read %+v, want %+v in partition %d", theirs, written, ack.Partition)
	}
	if string(bytes.Key) != string(binary) || string(bytes.Payload) != string(binary) {
		t.Errorf("read %+v, want the key and the payload %q", bytes, binary)
	}
	got := readAs(t, o, kafka.Marshaler{}, 4)
	for payload, at := range map[string]time.Time{"theirs": written.Time, "ours": ack.Time} {
		m := broker.Decode(got[payload])
		if string(m.Key) != "AAPL" || fmt.Sprint(m.Headers) != fmt.Sprint(written.Headers) || !m.Time.Equal(at) {
			t.Errorf("the application read %q as %+v", payload, m)
		}
	}
	if !broker.Decode(got[""]).Tombstone() {
		t.Errorf("the application read the tombstone as %+v", got[""])
	}
	if got["theirs"].UUID != "id" {
		t.Errorf("the UUID is %q, want the one it was written with", got["theirs"].UUID)
	}
}
