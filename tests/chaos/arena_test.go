package chaos

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"culvert/tests/brokers"
)

// arena is a broker that is there to be broken, one row after the other.
type arena struct {
	t    *testing.T
	kind string
	// What there is of it depends on the kind. All of it is started when a trial first needs it.
	kafka   *brokers.KafkaProcess
	cluster []*brokers.KafkaProcess
	rabbit  *brokers.RabbitMQNode
	// proxy is the bridges' way to kafka or rabbit.
	proxy *proxy
	// env leads a bridge there.
	env []string
}

func newArena(t *testing.T, kind string) *arena { return &arena{t: t, kind: kind} }

// open starts the broker, the first time.
func (a *arena) open() {
	if a.env != nil {
		return
	}
	switch a.kind {
	case inproc:
		a.env = []string{"CULVERT_BROKER=inproc"}
	case kafka:
		a.proxy = newProxy(a.t)
		ports := brokers.FreePorts(a.t, 1)
		own := brokers.Loopback(ports[0])
		a.kafka = brokers.StartKafka(a.t, map[string]string{
			"listeners":                      "PROXIED://" + own,
			"advertised.listeners":           "PROXIED://" + a.proxy.addr(),
			"listener.security.protocol.map": "PROXIED:PLAINTEXT",
		})
		a.proxy.lead(own)
		a.env = []string{"CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS=" + a.proxy.addr()}
	case amqp:
		a.proxy = newProxy(a.t)
		a.rabbit = brokers.StartRabbitMQ(a.t)
		u, err := url.Parse(a.rabbit.URL())
		if err != nil {
			a.t.Fatal(err)
		}
		a.proxy.lead(u.Host)
		u.Host = a.proxy.addr()
		a.env = []string{"CULVERT_BROKER=amqp", "CULVERT_AMQP_URL=" + u.String()}
	case cluster:
		a.cluster = brokers.StartKafkaCluster(a.t, 3, nil)
		var addrs []string
		for _, node := range a.cluster {
			addrs = append(addrs, node.Addr())
		}
		a.env = []string{"CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS=" + strings.Join(addrs, ",")}
	}
}

// topic makes a topic of a trial's own, and that for the dead letters of its queue, where the broker does not by itself.
func (a *arena) topic(t *testing.T) string {
	name := brokers.Topic(t)
	switch a.kind {
	case kafka:
		brokers.CreateTopic(t, a.kafka.Cluster(), name, 6)
		brokers.CreateTopic(t, a.kafka.Cluster(), deadLetters(name), 1)
	case cluster:
		brokers.CreateTopic(t, a.cluster[0].Cluster(), name, 6)
		brokers.CreateTopic(t, a.cluster[0].Cluster(), deadLetters(name), 1)
	}
	return name
}

func deadLetters(topic string) string { return topic + "." + queue + ".dlq" }

// kill ends the broker with SIGKILL, start runs it again. Of a cluster a row ends the nodes itself.
func (a *arena) kill() {
	if a.kafka != nil {
		a.kafka.Kill()
		return
	}
	a.rabbit.Kill()
}

func (a *arena) start() {
	if a.kafka != nil {
		a.kafka.Start()
		return
	}
	a.rabbit.Start()
}

// setClock lets the broker's wall clock be so far ahead of the machine's.
func (a *arena) setClock(ahead time.Duration) {
	if a.kafka != nil {
		a.kafka.SetClock(ahead)
		return
	}
	a.rabbit.SetClock(ahead)
}
