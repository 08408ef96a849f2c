package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"culvert/tests/brokers"
)

// proxy is a faulty network between the bridges and a broker: a relay, and behind it a toxiproxy, whose toxics make what passes slow. Its address stays the same, whatever happens to it.
type proxy struct {
	*relay
	toxic  *toxiproxy.Proxy
	mu     sync.Mutex // guards toxics
	toxics []string
}

func newProxy(t *testing.T) *proxy {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	ports := brokers.FreePorts(t, 2)
	r := newRelay(t, brokers.Loopback(ports[0]))
	r.target = brokers.Loopback(ports[1])
	return &proxy{relay: r, toxic: toxiproxy.NewProxy(server, "broker", r.target, "")}
}

func (p *proxy) addr() string { return p.listen }

// lead says where the network leads to, and opens it.
func (p *proxy) lead(to string) {
	p.toxic.Upstream = to
	if err := p.toxic.Start(); err != nil {
		p.t.Fatalf("the proxy does not start: %v", err)
	}
	p.up()
	p.t.Cleanup(func() {
		p.close()
		p.toxic.Stop()
	})
}

// mend makes the network whole again, whatever a row did to it. Connections that were cut, or forgotten, stay so.
func (p *proxy) mend() {
	p.release()
	p.heal()
	p.up()
}

// poison adds a toxic of toxiproxy to all connections, to those that are there and those to come: to what the broker says ("downstream") or what it is told ("upstream").
func (p *proxy) poison(kind, stream string, attributes map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := kind + "_" + stream
	toxic, err := json.Marshal(map[string]any{"name": name, "type": kind, "stream": stream, "attributes": attributes})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.toxic.Toxics.AddToxicJson(bytes.NewReader(toxic)); err != nil {
		p.t.Fatalf("%s: %v", toxic, err)
	}
	p.toxics = append(p.toxics, name)
}

// heal takes away what poison added.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range p.toxics {
		if err := p.toxic.Toxics.RemoveToxic(context.Background(), name); err != nil {
			p.t.Errorf("the toxic %s stays: %v", name, err)
		}
	}
	p.toxics = nil
}
