package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// queueLine is one queue as a stranger is told of it. A lag of -1 is null.
type queueLine struct {
	queue   string
	members int
	lag     int
}

// listQueues asks what queues a topic has.
func listQueues(ctx context.Context, t *testing.T, base, topic string) []queueLine {
	t.Helper()
	a := wantStatus(ctx, t, request{url: base + "/v1/topics/" + topic + "/queues"}, http.StatusOK, "")
	var list struct {
		Queues []struct {
			Queue   string `json:"queue"`
			Members int    `json:"members"`
			Lag     *int   `json:"lag"`
		} `json:"queues"`
		Complete bool `json:"complete"`
	}
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || list.Queues == nil || !list.Complete {
		t.Fatalf("the list is %s, %v", a.body, err)
	}
	lines := make([]queueLine, len(list.Queues))
	for i, q := range list.Queues {
		lines[i] = queueLine{q.Queue, q.Members, -1}
		if q.Lag != nil {
			lines[i].lag = *q.Lag
		}
	}
	return lines
}

// worker joins a queue and returns when its membership stands, with its stream's name.
func worker(ctx context.Context, t *testing.T, base, topic, queue string) (stream *client.SSE, name string) {
	t.Helper()
	stream, err := client.OpenSSE(ctx, base+"/v1/topics/"+topic+"/queues/"+queue+"/events?ack=manual", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)
	e, err := stream.Until("ready")
	if err != nil {
		t.Fatal(err)
	}
	var ready struct {
		Stream string `json:"stream"`
	}
	if err := json.Unmarshal([]byte(e.Data), &ready); err != nil {
		t.Fatal(err)
	}
	return stream, ready.Stream
}

// Whoever asks is told the queues of a topic, who is in them here, and how far they are behind, while members come, work and go.
func TestQueuesAreListed(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		b, topic := s.start(t, "CULVERT_QUEUE_MAX_ATTEMPTS=0"), s.topic(t)
		wantStatus(ctx, t, request{url: b.URL + "/v1/topics/" + topic + "-missing/queues"}, http.StatusNotFound, "unknown-topic")
		post(ctx, t, b, topic, "before")
		wantStatus(ctx, t, request{url: b.URL + "/v1/topics/" + topic + "/queues/workers"}, http.StatusNotFound, "unknown-queue")
		expect := func(when string, want ...queueLine) {
			t.Helper()
			var got []queueLine
			defer func() {
				if t.Failed() {
					t.Logf("%s the queues are %+v, want %+v", when, got, want)
				}
			}()
			brokers.Eventually(t, 30*time.Second, when+" the list is right", func() bool { // brokers may tell late
				got = listQueues(ctx, t, b.URL, topic)
				return slices.Equal(got, want)
			})
		}
		expect("before anybody joins")

		first, stream := worker(ctx, t, b.URL, topic, "workers")
		expect("with a member", queueLine{"workers", 1, 0})
		post(ctx, t, b, topic, numbered(0, 5)...)
		expect("with 5 messages", queueLine{"workers", 1, 5})
		last := ""
		for _, text := range numbered(0, 2) {
			last = want(t, first, "message", text).ID
		}
		if _, _, err := client.Settle(ctx, b.URL, stream, map[string]string{"upto": last}); err != nil {
			t.Fatal(err)
		}
		expect("with 2 of them settled", queueLine{"workers", 1, 3})

		second, _ := worker(ctx, t, b.URL, topic, "workers")
		audit, _ := worker(ctx, t, b.URL, topic, "audit")
		expect("with members of two queues", queueLine{"audit", 1, 0}, queueLine{"workers", 2, 3})
		first.Close()
		second.Close()
		expect("when the workers have gone", queueLine{"audit", 1, 0}, queueLine{"workers", 0, 3})
		audit.Close()
		post(ctx, t, b, topic, "after")
		expect("when all have gone", queueLine{"audit", 0, 1}, queueLine{"workers", 0, 4})
	})
}

// A broker that cannot be reached is told as what it is where nothing is known.
func TestQueuesOfABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := bridge.Start(t, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS=127.0.0.1:1")
	begun := time.Now()
	wantStatus(ctx, t, request{url: b.URL + "/v1/topics/orders/queues"}, http.StatusServiceUnavailable, "unavailable")
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}
