package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// queuePlaces are what GET …/queues/{queue} and POST …/reset tell of partitions.
type queuePlaces struct {
	Lag        *int64 `json:"lag"`
	Members    int    `json:"members"`
	Partitions []struct {
		Partition int32  `json:"partition"`
		Committed *int64 `json:"committed"`
		End       *int64 `json:"end"`
		Lag       *int64 `json:"lag"`
	} `json:"partitions"`
}

// committed are the places by partition; -1 for none.
func (q queuePlaces) committed() []int64 {
	var places []int64
	for _, p := range q.Partitions {
		place := int64(-1)
		if p.Committed != nil {
			place = *p.Committed
		}
		places = append(places, place)
	}
	return places
}

// queueAt is where a topic's queue "workers" is.
func queueAt(b *bridge.Bridge, topic string) string {
	return b.URL + "/v1/topics/" + topic + "/queues/" + queue
}

// inspect asks for a queue.
func inspect(ctx context.Context, t *testing.T, at string) queuePlaces {
	t.Helper()
	var q queuePlaces
	if err := client.Get(ctx, at, &q); err != nil {
		t.Fatal(err)
	}
	return q
}

// resetTo moves a queue, and gives where it is then.
func resetTo(ctx context.Context, t *testing.T, at, to string) []int64 {
	t.Helper()
	a := wantStatus(ctx, t, request{method: http.MethodPost, url: at + "/reset", body: fmt.Sprintf(`{"to":%q}`, to)}, http.StatusOK, "")
	var q queuePlaces
	if err := json.Unmarshal([]byte(a.body), &q); err != nil {
		t.Fatal(err)
	}
	return q.committed()
}

// vacant waits until a reset is no conflict any more: the cluster hears of who has left after the client does.
func vacant(ctx context.Context, t *testing.T, at string) {
	t.Helper()
	brokers.Eventually(t, 30*time.Second, "nobody is in the queue", func() bool {
		a := send(ctx, t, request{method: http.MethodPost, url: at + "/reset", body: `{"to":"latest"}`})
		return a.status == http.StatusOK
	})
}

// peeked is all that a peek shows up to the end as of now.
func peeked(ctx context.Context, t *testing.T, at string) (payloads []string) {
	t.Helper()
	stream, err := client.OpenSSE(ctx, at+"/events?mode=peek&to=latest", "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for {
		e, err := stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		switch e.Type {
		case "ready":
		case "message":
			payloads = append(payloads, e.Data)
		case "bye":
			slices.Sort(payloads)
			return payloads
		default:
			t.Fatalf("a peek tells %+v", e)
		}
	}
}

// applied are the places of a group by Apache's own tool, partition by partition.
func applied(t *testing.T, topic string) []int64 {
	t.Helper()
	var places []int64
	for _, line := range brokers.ConsumerGroup(t, brokers.Kafka(t), topic+"."+queue) {
		if line.Topic == topic {
			places = append(places, line.Committed)
		}
	}
	return places
}

// A peek and an inspection move nothing, a reset moves to where it says, and a queue that was deleted is gone: Apache's own tool says so too.
func TestApachesToolAgreesOnPlaces(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	s := kafka()
	b, other, topic := s.start(t), s.start(t), s.topic(t)
	at := queueAt(b, topic)
	wantStatus(ctx, t, request{url: at}, http.StatusNotFound, "unknown-queue")
	wantStatus(ctx, t, request{url: at + "/events?mode=peek"}, http.StatusNotFound, "unknown-queue")
	wantStatus(ctx, t, request{method: http.MethodPost, url: at + "/reset", body: `{"to":"earliest"}`}, http.StatusNotFound, "unknown-queue")
	wantStatus(ctx, t, request{method: http.MethodDelete, url: at}, http.StatusNotFound, "unknown-queue")

	member, name := worker(ctx, t, b.URL, topic, queue)
	post(ctx, t, b, topic, numbered(0, 20)...)
	e, err := member.Until("message")
	if err != nil {
		t.Fatal(err)
	}
	settled := e.Data
	if _, _, err := client.Settle(ctx, b.URL, name, map[string][]string{"receipts": {e.ID}}); err != nil {
		t.Fatal(err)
	}
	var before []int64
	brokers.Eventually(t, 30*time.Second, "what was settled is committed", func() bool {
		before = applied(t, topic)
		total := int64(0)
		for _, place := range before {
			total += place
		}
		return total == 1
	})
	waiting := slices.DeleteFunc(numbered(0, 20), func(text string) bool { return text == settled })
	slices.Sort(waiting)
	for range 2 {
		if got := peeked(ctx, t, queueAt(other, topic)); !slices.Equal(got, waiting) {
			t.Errorf("a peek shows %q, want %q", got, waiting)
		}
	}
	q := inspect(ctx, t, at)
	if q.Lag == nil || *q.Lag != 19 || q.Members != 1 || !slices.Equal(q.committed(), before) {
		t.Errorf("the queue is told as %+v, want 19 behind, at %v", q, before)
	}
	if after := applied(t, topic); !slices.Equal(after, before) {
		t.Errorf("after the peeks the group is at %v, before them it was at %v", after, before)
	}

	wantStatus(ctx, t, request{method: http.MethodPost, url: queueAt(other, topic) + "/reset", body: `{"to":"earliest"}`}, http.StatusConflict, "conflict")
	wantStatus(ctx, t, request{method: http.MethodDelete, url: queueAt(other, topic)}, http.StatusConflict, "conflict")
	if after := applied(t, topic); !slices.Equal(after, before) {
		t.Errorf("after a reset that was refused the group is at %v, before it was at %v", after, before)
	}
	member.Close()
	vacant(ctx, t, queueAt(other, topic))
	for _, to := range []string{"earliest", "latest", "@" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "@" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)} {
		told := resetTo(ctx, t, at, to)
		if group := applied(t, topic); !slices.Equal(told, group) {
			t.Errorf("a reset to %s tells %v, Apache's tool %v", to, told, group)
		}
	}
	resetTo(ctx, t, at, "earliest")
	all := numbered(0, 20)
	slices.Sort(all)
	if got := peeked(ctx, t, at); !slices.Equal(got, all) {
		t.Errorf("a queue at the beginning has %q, want all of %q", got, all)
	}
	wantStatus(ctx, t, request{method: http.MethodDelete, url: at}, http.StatusNoContent, "")
	if group := applied(t, topic); group != nil {
		t.Errorf("the queue was deleted, and Apache's tool knows its group at %v", group)
	}
}

// A queue goes on where a reset has put it, at a cursor too, and a queue that was deleted begins anew.
func TestAQueueIsMovedAndForgotten(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		b, topic := s.start(t), s.topic(t)
		at := queueAt(b, topic)
		first, _ := worker(ctx, t, b.URL, topic, queue)
		stream := view(ctx, t, b, topic, "", "")
		if _, err := stream.Until("ready"); err != nil {
			t.Fatal(err)
		}
		cursor := ""
		for _, text := range []string{"a", "b"} {
			post(ctx, t, b, topic, text)
			cursor = want(t, stream, "message", text).ID
		}
		post(ctx, t, b, topic, "c")
		wantStatus(ctx, t, request{method: http.MethodDelete, url: at}, http.StatusConflict, "conflict")
		first.Close()
		if s.name != "amqp" {
			vacant(ctx, t, at)
			resetTo(ctx, t, at, cursor)
			second, name := worker(ctx, t, b.URL, topic, queue)
			last := want(t, second, "message", "c")
			if _, _, err := client.Settle(ctx, b.URL, name, map[string]string{"upto": last.ID}); err != nil {
				t.Fatal(err)
			}
			second.Close()
		} else {
			wantStatus(ctx, t, request{method: http.MethodPost, url: at + "/reset", body: `{"to":"latest"}`}, http.StatusNotImplemented, "unsupported")
			wantStatus(ctx, t, request{url: at + "/events?mode=peek"}, http.StatusNotImplemented, "unsupported")
		}
		brokers.Eventually(t, 30*time.Second, "the queue is deleted when its members have left", func() bool {
			return send(ctx, t, request{method: http.MethodDelete, url: at}).status == http.StatusNoContent
		})
		wantStatus(ctx, t, request{url: at}, http.StatusNotFound, "unknown-queue")
		anew, _ := worker(ctx, t, b.URL, topic, queue)
		post(ctx, t, b, topic, "d")
		want(t, anew, "message", "d")
	})
}
