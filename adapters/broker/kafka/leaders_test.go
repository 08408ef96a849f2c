package kafka_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
)

// When the one broker that the last metadata had named as the controller was gone, nothing could be asked of the cluster any more: no stream was opened, and the bridge was not ready.
func TestAControllerThatIsGone(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(1))
	doomed := relayTo(t, c.ListenAddrs()[0])
	host, port, err := net.SplitHostPort(c.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	var gone atomic.Bool
	// The cluster has two brokers, of which one stays.
	c.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := r.ResponseKind().(*kmsg.MetadataResponse)
		stays, goes := kmsg.NewMetadataResponseBroker(), kmsg.NewMetadataResponseBroker()
		stays.Host, stays.Port = host, number(port)
		goes.NodeID, goes.Host, goes.Port = 1, host, number(doomed.port)
		answer.Brokers, answer.ControllerID = []kmsg.MetadataResponseBroker{stays, goes}, 1
		if gone.Load() {
			answer.Brokers, answer.ControllerID = answer.Brokers[:1], 0
		}
		return answer, nil, true
	})
	b := open(t, c.ListenAddrs())
	if _, err := b.Topics(t.Context()); err != nil {
		t.Fatal(err)
	}
	doomed.end()
	if _, err := b.Topics(t.Context()); domain.CodeOf(err) != domain.Unavailable {
		t.Fatalf("a controller that is gone, and of which the cluster does not know it yet, says: %v", err)
	}
	gone.Store(true)
	if _, err := b.Topics(t.Context()); err != nil {
		t.Errorf("asked for its topics, the cluster says: %v", err)
	}
}

func number(port string) int32 {
	n, _ := strconv.ParseInt(port, 10, 32)
	return int32(n)
}

// relay is an address at which another one answers, until it ends.
type relay struct {
	port string
	end  func()
}

func relayTo(t testing.TB, addr string) relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { // ends with the listener
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", addr)
			if err != nil {
				near.Close()
				continue
			}
			context.AfterFunc(ctx, func() { near.Close(); far.Close() })
			for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
				running.Go(func() { // ends with one of the two
					_, _ = io.Copy(to, from)
					to.Close()
				})
			}
		}
	})
	r := relay{end: sync.OnceFunc(func() { l.Close(); cancel(); running.Wait() })}
	_, r.port, _ = net.SplitHostPort(l.Addr().String())
	t.Cleanup(r.end)
	return r
}

// A leader that could not tell of its partitions held up the reading of all others, for those who began and for those who had begun.
func TestALeaderHoldsUpItsPartitionsAlone(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "orders"))
	for p := range int32(2) {
		if err := c.MoveTopicPartition("orders", p, p); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, c.ListenAddrs(), func(cfg *kafka.Config) { cfg.RequestTimeout = 6 * time.Second })
	well, stuck := keyFor(t, b, "orders", 0), keyFor(t, b, "orders", 1)
	say := func(key []byte, text string) {
		t.Helper()
		if o := publish(t.Context(), b, "orders", &domain.Message{Key: key, Payload: []byte(text), Time: time.Now()})[0]; o.err != nil {
			t.Fatal(o.err)
		}
	}
	var recovered atomic.Bool
	c.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if c.CurrentNode() == 0 || recovered.Load() {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		partition := kmsg.NewListOffsetsResponseTopicPartition()
		partition.Partition, partition.ErrorCode = 1, int16(sarama.ErrLeaderNotAvailable)
		answer.Topics = []kmsg.ListOffsetsResponseTopic{{Topic: "orders", Partitions: []kmsg.ListOffsetsResponseTopicPartition{partition}}}
		return answer, nil, true
	})
	begun := time.Now()
	r := tail(t, b, "orders", domain.StartLatest())
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("reading began after %v", took)
	}
	if place, ok := r.opening.Vector.At(1); !ok || !place.Pending() {
		t.Errorf("the place in a partition of which nothing is told is %+v, want a pending one", place)
	}
	say(well, "one")
	r.messagesAre(t, "one")
	say(stuck, "two")
	say(well, "three")
	r.until(t, "the second of the partition that is well", func(r *reader) bool { return len(r.messages) == 2 })
	recovered.Store(true)
	r.until(t, "what came after the beginning", func(r *reader) bool { return len(r.messages) == 3 })
	if got := string(r.messages[2].Payload); got != "two" || len(r.gaps) > 0 {
		t.Errorf("the partition that was stuck goes on with %q, and gaps %v", got, r.gaps)
	}
}
