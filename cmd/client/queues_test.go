package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// asker is a server that answers everything with one document, and notes what it was asked.
func asker(t *testing.T, status int, document string) (a *API, asked func() []string) {
	var lines []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		lines = append(lines, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Content-Type")+" "+string(body))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, document)
	}))
	t.Cleanup(server.Close)
	return newAPI(t, server.URL), func() []string { return lines }
}

func TestAQueueIsDescribed(t *testing.T) {
	const document = `{"topic":"a","queue":"q","order":"key","members":2,"in_flight":3,"oldest_unsettled_ms":1200,"lag":17,"partitions":[{"partition":1,"committed":25,"end":42,"lag":17}],"lease_ms":30000,"max_attempts":5,"dead_letter":"a.q.dlq","more":1}`
	a, asked := asker(t, 200, document)
	q, whole, err := a.Queue(t.Context(), "a", "q")
	if err != nil || string(whole) != document {
		t.Fatalf("it got %s, %v", whole, err)
	}
	if q.Order != "key" || *q.Members != 2 || *q.InFlight != 3 || *q.Oldest != 1200 || *q.Lag != 17 || q.LeaseMS != 30000 || q.MaxAttempts != 5 || *q.DeadLetter != "a.q.dlq" {
		t.Errorf("it read %+v", q)
	}
	if len(q.Partitions) != 1 || q.Partitions[0].Partition != 1 || *q.Partitions[0].Committed != 25 || *q.Partitions[0].End != 42 || *q.Partitions[0].Lag != 17 {
		t.Errorf("it read %+v", q.Partitions)
	}
	wantLines(t, "it asked for", asked(), "GET /v1/topics/a/queues/q  ")

	a, _ = asker(t, 200, `{"lag":null,"oldest_unsettled_ms":null,"partitions":null,"dead_letter":null}`)
	if q, _, err := a.Queue(t.Context(), "a", "q"); err != nil || q.Lag != nil || q.Oldest != nil || q.Partitions != nil || q.DeadLetter != nil {
		t.Errorf("what is not known is %+v, %v", q, err)
	}
}

func TestAQueueIsReset(t *testing.T) {
	const document = `{"partitions":[{"partition":0,"committed":7},{"partition":1,"committed":null}]}`
	a, asked := asker(t, 200, document)
	partitions, whole, err := a.Reset(t.Context(), "a", "q/r", "@-15m")
	if err != nil || string(whole) != document || len(partitions) != 2 || *partitions[0].Committed != 7 || partitions[1].Committed != nil {
		t.Errorf("it got %+v, %s, %v", partitions, whole, err)
	}
	wantLines(t, "it asked for", asked(), `POST /v1/topics/a/queues/q%2Fr/reset application/json {"to":"@-15m"}`)
}

func TestAQueueIsDeleted(t *testing.T) {
	a, asked := asker(t, 204, "")
	if err := a.Delete(t.Context(), "a", "q"); err != nil {
		t.Error(err)
	}
	wantLines(t, "it asked for", asked(), "DELETE /v1/topics/a/queues/q  ")
}

func TestDeadLettersAreSentBack(t *testing.T) {
	a, asked := asker(t, 200, `{"redriven":3}`)
	for _, limit := range []int64{0, 5} {
		if sent, err := a.Redrive(t.Context(), "a", "q", limit); err != nil || sent != 3 {
			t.Errorf("it sent %d, %v", sent, err)
		}
	}
	wantLines(t, "it asked for", asked(), "POST /v1/topics/a/queues/q/redrive  ", `POST /v1/topics/a/queues/q/redrive application/json {"limit":5}`)
}

// What the bridge refuses is told in its words, and is never tried again by itself.
func TestAQueueThatIsInUse(t *testing.T) {
	s := newScript(t, refusal(409, "conflict", false, ""))
	a := newAPI(t, s.URL)
	_, _, reset := a.Reset(t.Context(), "a", "q", "latest")
	_, _, inspect := a.Queue(t.Context(), "a", "q")
	_, redrive := a.Redrive(t.Context(), "a", "q", 0)
	for _, err := range []error{reset, inspect, redrive, a.Delete(t.Context(), "a", "q")} {
		if p := (*Problem)(nil); !errors.As(err, &p) || p.Code != "conflict" || p.Status != 409 {
			t.Errorf("it ended with %v", err)
		}
	}
	if n := len(s.asked()); n != 4 {
		t.Errorf("it asked %d times", n)
	}
}

// Sending back takes as long as there are letters; all else is over in time.
func TestABridgeThatTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, "http://127.0.0.1:1")
		a.http.Transport = mute{}
		if err := a.Delete(t.Context(), "a", "q"); !errors.As(err, new(*Unreachable)) {
			t.Errorf("deleting ended with %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begun := time.Now()
		if _, err := a.Redrive(ctx, "a", "q", 0); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Hour {
			t.Errorf("sending back ended after %s with %v", time.Since(begun), err)
		}
	})
}
