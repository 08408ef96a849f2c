package e2e

import (
	"fmt"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// Places outlive processes: those of bridges, and those of brokers, of which a topic may lack some for a while.
func TestPlacesOutliveProcesses(t *testing.T) {
	t.Parallel()
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		first := brokers.StartKafka(t, nil)
		second := first.StartBroker(t)
		t.Run("one broker of two", func(t *testing.T) { leaderless(t, first, second) })
		t.Run("all", func(t *testing.T) {
			cursorOutlives(t, server{
				kind:        "kafka",
				environment: []string{"CULVERT_KAFKA_BROKERS=" + first.Addr()},
				create:      func(topic string) { brokers.CreateTopicOn(t, first.Cluster(), topic, 1, 2, 1) },
				kill:        func() { second.Kill(); first.Kill() },
				start:       func() { first.Start(); second.Start() },
			})
		})
	})
	t.Run("amqp", func(t *testing.T) {
		t.Parallel()
		cursorOutlives(t, amqpServer(t))
	})
}

// cursorOutlives wants a cursor to be honoured by another process than the one that issued it, by the same after a crash, and by both after the broker was killed and
// has come back.
func cursorOutlives(t *testing.T, server server) {
	ctx := deadline(t)
	topic := brokers.Topic(t)
	server.create(topic)
	server.create(topic + "-2")
	environment := append(server.environment, "CULVERT_BROKER="+server.kind)
	b, other := bridge.Start(t, environment...), bridge.Start(t, environment...)
	inject(ctx, t, b, topic, 0, 20, 0)
	type stored struct {
		cursor string
		seen   []sight
	}
	var all []stored
	for _, e := range eachEdge(ctx, t, b, topic, "earliest", "") {
		e.ready("anew")
		seen := e.messages(20)
		for _, n := range []int{1, 7, 20} {
			all = append(all, stored{seen[n-1].Cursor, seen[:n:n]})
		}
	}
	honoured := func(b *bridge.Bridge, end int) {
		t.Helper()
		for _, s := range all {
			for _, e := range eachEdge(ctx, t, b, topic, "latest", s.cursor) {
				e.ready("resumed true")
				isAll(t, e.edge, append(s.seen, e.messages(end-len(s.seen))...), 0, end)
			}
		}
	}
	honoured(other, 20)
	b.Kill()
	b = bridge.Start(t, environment...)
	honoured(b, 20)

	server.kill()
	server.start()
	for i, b := range []*bridge.Bridge{b, other} {
		brokers.Eventually(t, 60*time.Second, "messages can be injected again", func() bool {
			return send(ctx, t, request{method: "POST", url: b.URL + "/v1/topics/" + topic + "-2/messages", body: "x"}).status == 200
		})
		inject(ctx, t, b, topic, 20+5*i, 25+5*i, 0)
	}
	honoured(b, 30)
	honoured(other, 30)
}

// leaderless wants the partitions of a topic to go on by themselves while another one has no leader. Who begins meanwhile is told which one is pending, and begins in it, when it is
// back, where it asked to; and so does who comes back with a cursor from that time.
func leaderless(t *testing.T, first, second *brokers.KafkaProcess) {
	ctx := deadline(t)
	topic := brokers.Topic(t)
	brokers.CreateTopicOn(t, first.Cluster(), topic, 1, 2)
	environment := []string{"CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS=" + first.Addr()}
	b, other := bridge.Start(t, environment...), bridge.Start(t, environment...)
	s := newScribe(t, first.Cluster())
	s.write(topic, 0, "m0", "m1")
	s.write(topic, 1, "m2", "m3")
	open := func(node *bridge.Bridge, from, cursor, resumed string, pending bool) []eyes {
		t.Helper()
		all := eachEdge(ctx, t, node, topic, from, cursor)
		for i := range all {
			which := "[]"
			if pending {
				which = fmt.Sprintf("[{%s 1}]", topic)
			}
			all[i].edge += fmt.Sprintf(" from %s, %s, on the other node: %v", from, resumed, node == other)
			all[i].expect("ready, " + resumed + ", pending " + which)
		}
		return all
	}
	live := open(b, "earliest", "", "anew", false)
	known := ""
	for _, e := range live {
		seen := e.messages(4)
		isAll(t, e.edge, seen, 0, 4)
		known = seen[3].Cursor
	}

	second.Kill()
	brokers.Eventually(t, 30*time.Second, "a partition has no leader", func() bool { return !led(metadata(t, first.Addr(), topic)) })
	latest := open(other, "latest", "", "anew", true)
	earliest := open(other, "earliest", "", "anew", true)
	resumed := open(other, "latest", known, "resumed true", false)
	s.write(topic, 0, "m4")
	for _, e := range earliest {
		e.expect("m0", "m1", "m4")
	}
	for _, all := range [][]eyes{live, resumed} {
		for _, e := range all {
			e.expect("m4")
		}
	}
	pending := ""
	for _, e := range latest {
		pending = e.expect("m4").Cursor
	}
	again := append(open(b, "latest", pending, "resumed true", true), open(other, "latest", pending, "resumed true", true)...)
	s.write(topic, 0, "m5")
	for _, all := range [][]eyes{live, latest, earliest, resumed, again} {
		for _, e := range all {
			e.expect("m5")
		}
	}

	second.Start()
	s.write(topic, 1, "m6")
	for _, e := range earliest {
		e.expect("m2", "m3", "m6")
	}
	for _, all := range [][]eyes{live, latest, resumed, again} {
		for _, e := range all {
			e.expect("m6")
		}
	}
	later := append(open(b, "latest", pending, "resumed true", false), open(other, "latest", pending, "resumed true", false)...)
	for _, e := range later {
		isAll(t, e.edge, e.messages(2), 5, 7)
	}
}
