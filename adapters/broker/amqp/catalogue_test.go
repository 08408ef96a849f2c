package amqp

import (
	"slices"
	"testing"

	"culvert/domain"
)

func TestWhichTopicsLieInAnExchange(t *testing.T) {
	cfg := Config{Topology: []Topology{
		{Topic: "stock.prices", Exchange: "market", Type: "topic", RoutingKey: "prices"},
		{Topic: "stock.trades", Exchange: "market", Type: "topic", RoutingKey: "trades"},
		{Topic: "team.*", Exchange: "ex-{topic}-x"},
		{Topic: "all.*", Exchange: "all"},
		{Topic: "jobs", Exchange: "amq.default", RoutingKey: "jobs"},
	}}
	for exchange, want := range map[string][]domain.Topic{
		"orders":       {"orders"},
		"market":       {"market", "stock.prices", "stock.trades"},
		"ex-team.a-x":  {"ex-team.a-x", "team.a"},
		"ex-other.a-x": {"ex-other.a-x"},
		"team.a":       nil, // its topic lies elsewhere
		"all":          {"all"},
		"amq.topic":    nil,
		"":             {"jobs"},
		"no topic":     nil,
	} {
		got := cfg.topicsOf(exchange)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("in %q lie %v, want %v", exchange, got, want)
		}
	}
}

func TestWhichQueueANameStandsFor(t *testing.T) {
	for _, c := range []struct {
		template, name string
		queue          domain.Queue
	}{
		{"{topic}:{queue}", "orders:billing", "billing"},
		{"{topic}:{queue}", "orders:$log", ""},
		{"{topic}:{queue}", "orders:", ""},
		{"{topic}:{queue}", "others:billing", ""},
		{"q-{queue}-{topic}", "q-billing-orders", "billing"},
		{"{queue}", "billing", "billing"},
		{"work", "work", "work"},
		{"work", "billing", ""},
		{"{topic}-{queue}-{topic}", "orders-orders", ""},
	} {
		l := Config{Topology: []Topology{{Topic: "orders", Queue: c.template}}}.layout("orders")
		if queue, ok := l.queueOf(c.name); ok != (c.queue != "") || ok && queue != c.queue {
			t.Errorf("%s, of %s, is %q (%t), want %q", c.name, c.template, queue, ok, c.queue)
		}
	}
}
