package foreign_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/ports"
	"culvert/tests/brokers"
)

// sarama counts with go-metrics, whose one clock goroutine lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

const partitions = 5

// ours is our side of a topic that foreigners use too.
type ours struct {
	broker  ports.Broker
	cluster brokers.KafkaCluster
	topic   domain.Topic
}

func meet(t *testing.T) ours {
	t.Helper()
	cluster := brokers.Kafka(t)
	cfg := kafka.DefaultConfig()
	cfg.Brokers = cluster.Addrs
	b, err := kafka.New(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	name := brokers.Topic(t)
	brokers.CreateTopic(t, cluster, name, partitions)
	return ours{broker: b, cluster: cluster, topic: domain.Topic(name)}
}

// publish publishes and waits for every confirmation.
func (o ours) publish(t *testing.T, batch ...*domain.Message) []domain.Ack {
	t.Helper()
	acks, errs := make([]domain.Ack, len(batch)), make([]error, len(batch))
	var open sync.WaitGroup
	open.Add(len(batch))
	o.broker.Publish(t.Context(), o.topic, batch, func(i int, ack domain.Ack, err error) {
		acks[i], errs[i] = ack, err
		open.Done()
	})
	open.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("publishing message %d: %v", i, err)
		}
	}
	return acks
}

// read gives the first n messages, sorted by payload.
func (o ours) read(t *testing.T, n int) []*domain.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, chunks, err := o.broker.Tail(ctx, o.topic, domain.StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	var got []*domain.Message
	for c, err := range chunks {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, c.Messages...); len(got) >= n {
			break
		}
	}
	if len(got) != n {
		t.Fatalf("read %d messages, want %d", len(got), n)
	}
	slices.SortFunc(got, func(a, b *domain.Message) int { return bytes.Compare(a.Payload, b.Payload) })
	return got
}

func TestWhatApachesConsoleProducerWrites(t *testing.T) {
	o := meet(t)
	lines := "name:one,name:two,empty:\tAAPL\tquote\n" + // headers, key, value
		"only:this\tAAPL\t∅\n" + // ∅ stands for a null value
		"only:this\tMSFT\tzebra ✓\n"
	brokers.ConsoleProducer(t, o.cluster, string(o.topic), lines, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true", "--reader-property", "null.marker=∅")

	got := o.read(t, 3)
	tombstone, quote, zebra := got[0], got[1], got[2]
	if !tombstone.Tombstone() || string(tombstone.Key) != "AAPL" {
		t.Errorf("the tombstone is %+v", tombstone)
	}
	want := []domain.Header{{Name: "name", Value: []byte("one")}, {Name: "name", Value: []byte("two")}, {Name: "empty", Value: []byte("")}}
	if fmt.Sprint(quote.Headers) != fmt.Sprint(want) {
		t.Errorf("headers are %v, want %v", quote.Headers, want)
	}
	if string(quote.Payload) != "quote" || time.Since(quote.Time) > time.Minute {
		t.Errorf("the message is %q of %v", quote.Payload, quote.Time)
	}
	if string(zebra.Payload) != "zebra ✓" || string(zebra.Key) != "MSFT" {
		t.Errorf("the message is %q with key %q", zebra.Payload, zebra.Key)
	}
}

func TestWhatApachesConsoleConsumerReads(t *testing.T) {
	o := meet(t)
	at := time.UnixMilli(time.Now().Add(-time.Minute).UnixMilli())
	o.publish(t,
		&domain.Message{Key: []byte("AAPL"), Payload: []byte("quote"), Time: at, Headers: []domain.Header{{Name: "name", Value: []byte("one")}, {Name: "name", Value: []byte("two")}}},
		&domain.Message{Key: []byte("AAPL")},
		&domain.Message{Key: []byte("AAPL"), Payload: []byte{}},
		&domain.Message{Payload: []byte("without a key")},
	)
	printed := brokers.ConsoleConsumer(t, o.cluster, string(o.topic), "--from-beginning", "--max-messages", "4",
		"--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.timestamp=true", "--formatter-property", "null.literal=∅")
	for what, want := range map[string]string{
		"headers in their order, the time, key and value": fmt.Sprintf("CreateTime:%d\tname:one,name:two,", at.UnixMilli()),
		"a value":            "\tAAPL\tquote\n",
		"a tombstone":        "\tAAPL\t∅\n",
		"an empty value":     "\tAAPL\t\n",
		"a message, no key":  "\t∅\twithout a key\n",
		"Watermill's header": "_watermill_message_uuid:",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("%s: the console consumer did not print %q but\n%s", what, want, printed)
		}
	}
}

func TestKeysFallWhereJavaPutsThem(t *testing.T) {
	o := meet(t)
	keys := []string{"AAPL", "GOOG", "münchen", "a", "ab", "abc", "abcd", "a longer key, of more than one block", "0", "-1"}
	var lines strings.Builder
	var batch []*domain.Message
	for _, k := range keys {
		fmt.Fprintf(&lines, "%s\tjava\n", k)
		batch = append(batch, &domain.Message{Key: []byte(k), Payload: []byte("ours")})
	}
	brokers.ConsoleProducer(t, o.cluster, string(o.topic), lines.String(), "--reader-property", "parse.key=true")
	acks := o.publish(t, batch...)

	java := map[string]int32{}
	for _, m := range o.read(t, 2*len(keys)) {
		if string(m.Payload) == "java" {
			java[string(m.Key)] = m.Partition
		}
	}
	used := map[int32]bool{}
	for i, k := range keys {
		used[java[k]] = true
		if got := acks[i].Position.Partition; got != java[k] {
			t.Errorf("key %q: ours is in partition %d, Java's in %d", k, got, java[k])
		}
	}
	if len(used) < 2 {
		t.Fatal("the keys all fall into one partition: they prove nothing")
	}
}

func TestApachesToolsSeeAQueueAsAConsumerGroup(t *testing.T) {
	o := meet(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for event, err := range o.broker.Join(ctx, o.topic, "billing", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if len(event.Assigned) == 0 {
			continue
		}
		o.publish(t, &domain.Message{Payload: []byte("waits")})
		printed := brokers.ConsumerGroupCommand(t, o.cluster, "--describe", "--group", string(o.topic)+".billing")
		if n := strings.Count(printed, string(o.topic)+" "); n != partitions {
			t.Errorf("the group has %d partitions, want %d:\n%s", n, partitions, printed)
		}
		break
	}
}
