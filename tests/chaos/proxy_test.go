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

// proxy is a faulty network between the bridges and a broker. Its address stays the same, whatever happens to it.
type proxy struct {
	t      *testing.T
	proxy  *toxiproxy.Proxy
	mu     sync.Mutex // guards toxics
	toxics []string
}

func newProxy(t *testing.T) *proxy {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	listen := brokers.Loopback(brokers.FreePorts(t, 1)[0])
	return &proxy{t: t, proxy: toxiproxy.NewProxy(server, "broker", listen, "")}
}

func (p *proxy) addr() string { return p.proxy.Listen }

// lead says where the network leads to, and opens it.
func (p *proxy) lead(to string) {
	p.proxy.Upstream = to
	p.up()
	p.t.Cleanup(p.down)
}

// down cuts all connections, and refuses new ones until up.
func (p *proxy) down() { p.proxy.Stop() }

func (p *proxy) up() {
	if err := p.proxy.Start(); err != nil {
		p.t.Fatalf("the proxy does not come up: %v", err)
	}
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
	if _, err := p.proxy.Toxics.AddToxicJson(bytes.NewReader(toxic)); err != nil {
		p.t.Fatalf("%s: %v", toxic, err)
	}
	p.toxics = append(p.toxics, name)
}

// heal takes away what poison added.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range p.toxics {
		if err := p.proxy.Toxics.RemoveToxic(context.Background(), name); err != nil {
			p.t.Errorf("the toxic %s stays: %v", name, err)
		}
	}
	p.toxics = nil
}
