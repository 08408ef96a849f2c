package app

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestQueuesAreMeasured(t *testing.T) {
	a := start(t, OnFreePorts())
	member, ready := open(t, a.URL()+"/v1/topics/orders/queues/billing/events?ack=manual&max_in_flight=1")
	for range 2 {
		if got := ask(t, http.MethodPost, a.URL()+"/v1/topics/orders/messages", "work"); got.status != http.StatusOK {
			t.Fatalf("injecting is answered with %d %s", got.status, got.body)
		}
	}
	receipt, found := "", false
	for !found && member.Scan() {
		receipt, found = strings.CutPrefix(member.Text(), "id: ")
	}
	if got := ask(t, http.MethodPost, a.URL()+"/v1/streams/"+ready["stream"].(string)+"/done", `{"nack":["`+receipt+`"]}`); got.status != http.StatusOK {
		t.Fatalf("handing back is answered with %d %s", got.status, got.body)
	}
	want := []string{
		`culvert_queue_members{queue="billing",topic="orders"} 1`,
		`culvert_queue_in_flight_messages{queue="billing",topic="orders"} 1`,
		`culvert_queue_redelivered_messages_total{queue="billing",topic="orders"} 1`,
		`culvert_queue_dead_letters_total{queue="billing",topic="orders"} 0`,
		`culvert_queue_lease_timeouts_total{queue="billing",topic="orders"} 0`,
		`culvert_queue_lag_messages{queue="billing",topic="orders"} 2`,
	}
	// The lag is asked for by a scrape, and shown by a later one.
	for deadline := time.Now().Add(20 * time.Second); ; {
		text := ask(t, http.MethodGet, a.AdminURL()+"/metrics", "").body
		missing := ""
		for _, line := range want {
			if !strings.Contains(text, "\n"+line+"\n") {
				missing = line
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is no %s in\n%s", missing, text)
		}
	}
}
