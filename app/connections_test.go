package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// connections is what GET /admin/connections says.
type connections struct {
	Connections []struct {
		ID, Remote, Protocol, HTTP string
		Since                      time.Time
		Views                      []struct {
			Topic, Mode string
			Queue       *string
			Behind      *int64
			BehindMS    *int64 `json:"behind_ms"`
		}
		Rate      float64
		BytesOut  int64   `json:"bytes_out"`
		UserAgent *string `json:"user_agent"`
	}
	Total int
}

// uses are all views, each as its topic, its queue, its mode, and how far it is behind.
func (c connections) uses() string {
	var uses []string
	for _, one := range c.Connections {
		for _, v := range one.Views {
			queue, behind := "-", "-"
			if v.Queue != nil {
				queue = *v.Queue
			}
			if v.Behind != nil && v.BehindMS != nil {
				behind = fmt.Sprint(*v.Behind)
			}
			uses = append(uses, strings.Join([]string{v.Topic, queue, v.Mode, behind}, " "))
		}
	}
	return strings.Join(uses, ", ")
}

func TestWhoIsConnected(t *testing.T) {
	a := start(t, OnFreePorts())
	if none := told[connections](t, a, "/admin/connections"); none.Connections == nil || len(none.Connections) != 0 || none.Total != 0 {
		t.Errorf("an empty bridge says %+v", none)
	}
	as := func(agent string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("User-Agent", agent) }
	}
	first := view(t, a.URL()+"/v1/topics/orders/events?from=earliest", as("first/1"))
	view(t, a.AdminURL()+"/v1/events?topic=orders&topic=prices.*", as("")) // the operators' own are there, too
	view(t, a.URL()+"/v1/topics/orders/queues/billing/events", as("member"))
	view(t, a.URL()+"/v1/topics/orders/queues/billing/events?mode=peek", as("peeker"))
	payload := strings.Repeat("x", 1000)
	for range 20 {
		if got := ask(t, http.MethodPost, a.URL()+"/v1/topics/orders/messages", payload); got.status != http.StatusOK {
			t.Fatal(got.body)
		}
	}
	for messages := 0; messages < 20; {
		if !first.Scan() {
			t.Fatal(first.Err())
		}
		if first.Text() == "data: "+payload {
			messages++
		}
	}
	const want = "orders billing peek 0, orders billing join -, orders - view 0, prices.* - view -, orders - view 0"
	is := told[connections](t, a, "/admin/connections")
	for begun := time.Now(); is.uses() != want || is.Total != 4; is = told[connections](t, a, "/admin/connections") {
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("there are %s of %d, want %s", is.uses(), is.Total, want)
		}
	}
	if c := is.Connections[2]; c.UserAgent != nil {
		t.Errorf("who says nothing of itself is listed as %+v", c)
	}
	if c := is.Connections[3]; c.Protocol != "sse" || c.HTTP != "1.1" || c.Remote != "127.0.0.1" || *c.UserAgent != "first/1" || time.Since(c.Since) > time.Minute || c.Rate <= 0 || c.BytesOut < 20*1000 || c.BytesOut > 30*1000 {
		t.Errorf("the first is listed as %+v", c)
	}
	for query, want := range map[string]string{"?limit=2": "peeker member of 4", "?q=FIRST": "first/1 of 1", "?q=billing&limit=1": "peeker of 2", "?q=nobody": "of 0"} {
		is := told[connections](t, a, "/admin/connections"+query)
		got := ""
		for _, c := range is.Connections {
			got += *c.UserAgent + " "
		}
		if got += fmt.Sprintf("of %d", is.Total); got != want {
			t.Errorf("%s finds %s, want %s", query, got, want)
		}
	}
}

// What is written shows in the rates of the node within the seconds that they are of.
func TestBytesThatAreWritten(t *testing.T) {
	a := start(t, OnFreePorts())
	view(t, a.URL()+"/v1/topics/orders/events")
	for begun := time.Now(); told[health](t, a, "/admin/health").Rates["bytes_out"] == 0; {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("nothing was written, says the node")
		}
		if got := ask(t, http.MethodPost, a.URL()+"/v1/topics/orders/messages", "x"); got.status != http.StatusOK {
			t.Fatal(got.body)
		}
	}
}
