package browser

import (
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// Two pages share the work of a queue. One of them is closed in the midst of it: the other has what it had, and in the end all is settled.
func TestPagesShareTheWork(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	topic := brokers.Topic(t)
	queue := b.URL + "/v1/topics/" + topic + "/queues/billing"
	var pages []*tab
	for range 2 {
		pages = append(pages, p.tab("join.html", "client", script(b), "url", queue+"/events"))
	}
	for _, page := range pages {
		page.until("is a member", "count('ready') === 1")
	}
	publisher := client.Publish(t.Context(), oracle.New(), 0, b.URL, topic)
	for _, page := range pages {
		page.until("has work", "count('message') > 50")
	}
	pages[0].end()
	pages[1].until("goes on", "count('message') > 200")
	publisher.Finish()

	var place struct {
		InFlight int `json:"in_flight"`
		Lag      int `json:"lag"`
	}
	brokers.Eventually(t, patience, "all is settled", func() bool {
		if err := client.Get(t.Context(), queue, &place); err != nil {
			t.Fatal(err)
		}
		return place.InFlight == 0 && place.Lag == 0
	})
	pages[1].until("knows of all", "seen("+texts(t, publisher)+")")
}
