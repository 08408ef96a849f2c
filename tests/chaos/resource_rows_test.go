package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"culvert/tests/bridge"
	"culvert/tests/client"
)

// resourceRows take from bridges what their machine gives them.
func resourceRows() []row {
	return []row{
		{name: "descriptors exhausted", on: everywhere, alone: descriptorsExhausted},
		// The race detector's memory is none of the bridge's.
		{name: "memory limit reached", on: everywhere, disturb: memoryShort, thousands: true, env: []string{
			fmt.Sprintf("CULVERT_LIMITS_MEMORY_BYTES=%d", memory), "CULVERT_INPROC_LOG_BYTES=4194304", "CULVERT_SUBSCRIBE_WINDOW_BYTES=4194304",
		}},
	}
}

// descriptors is how many a bridge may have that shall run out of them.
const descriptors = 256

func descriptorsExhausted(x *trial) {
	run := bridge.StartWithin(descriptors)
	x.nodes = append(x.nodes, newNode(x.T, slices.Concat(x.env, impatient(), []string{
		"CULVERT_HTTP_READ_HEADER_TIMEOUT=2m", // who says nothing is to stay
	}), run))
	x.underLoad(usual(), flood)
}

// flood connects until nobody is let in any more.
func flood(x *trial) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	held := x.connect(ctx, 3*descriptors)
	defer func() {
		for _, b := range held {
			b.reset()
		}
		x.step("the flood is over")
	}()
	x.step("flooded with %d connections: %s", len(held), x.gauges(socketGauges...))
	if n := x.gauge("culvert_refused_sockets_total"); n < descriptors {
		x.Errorf("%d connections were refused of %d, with %d descriptors", n, 3*descriptors, descriptors)
	}
	if n := x.gauge("process_open_fds"); n > descriptors-16 {
		x.Errorf("%d of %d descriptors are in use: none is kept", n, descriptors)
	}
	x.refusedClearly(ctx)
	x.goOn("while descriptors are exhausted")
	if x.proxy != nil {
		x.brokerComesBack()
	}
}

// connect makes so many connections that say nothing, wait after an answer, or are streams; in turn. It gives those that were let in.
func (x *trial) connect(ctx context.Context, connections int) (held []*bare) {
	for i := range connections {
		b, err := dial(ctx, x.url())
		if err != nil {
			continue // it was disconnected before it had begun
		}
		held = append(held, b)
		switch i % 3 {
		case 1:
			_ = b.ask(http.MethodGet, "/culvert.js") // whether it is answered is up to the bridge
		case 2:
			_ = b.ask(http.MethodGet, "/v1/topics/"+x.name+"/events")
		}
	}
	return held
}

// brokerComesBack cuts the connections to the broker, and wants them made anew, as publishers see it who have kept theirs, or need none for long.
func (x *trial) brokerComesBack() {
	x.Helper()
	x.proxy.down()
	x.step("the connections to the broker are cut")
	x.pass(x.between(100*time.Millisecond, time.Second))
	x.proxy.up()
	marks := x.load.sent()
	if !x.until(recovery, func() bool {
		for i, p := range x.load.publishers {
			if int(p.acked.Load()) <= marks[i] {
				return false
			}
		}
		return true
	}) {
		x.Error("the broker was not reached again")
	}
	x.step("the broker is reached again: %s", x.gauges(socketGauges...))
}

// refusedClearly wants a new stream to be told that there is no room, once those have been let in that still find some.
func (x *trial) refusedClearly(ctx context.Context) {
	x.Helper()
	var told []string
	begun := time.Now()
	if !x.until(20*time.Second, func() bool {
		e, err := firstOf(ctx, x.url()+"/v1/topics/"+x.name+"/events")
		told = append(told, fmt.Sprint(e.Type, " ", e.Data, " ", err))
		return e.Type == "bye" && strings.Contains(e.Data, `"overload"`) && strings.Contains(e.Data, `"reconnect":true`)
	}) {
		x.Errorf("a new stream was not told that there is no room, but: %s", strings.Join(told, "; "))
	}
	x.step("a new stream was told at the %d. try, after %s: %s", len(told), time.Since(begun).Round(time.Millisecond), told[len(told)-1])
}

// firstOf opens a stream, which stays until ctx ends, and gives its first event, for which it has ten seconds.
func firstOf(ctx context.Context, url string) (client.Event, error) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(10*time.Second, cancel)
	defer late.Stop()
	stream, err := client.OpenSSE(ctx, url, "")
	if err != nil {
		return client.Event{}, err
	}
	context.AfterFunc(ctx, stream.Close)
	return stream.Next()
}

// memory is the limit of a bridge that shall reach it, and sizable a message of which it does not take many.
const (
	memory  = 96 << 20
	sizable = 900_000
)

// memoryShort lets clients hold memory until the bridge has no more.
func memoryShort(x *trial) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	heavy := x.url() + "/v1/topics/" + x.topic(x.T)
	var held []io.Closer
	defer func() {
		for _, c := range held {
			c.Close()
		}
		x.step("who held memory has left")
	}()
	held = x.viewersWhoDoNotRead(ctx, heavy)
	x.refusedClearly(ctx)
	x.goOn("while new streams are refused")

	held = append(held, x.bodiesWithoutEnd(ctx, heavy)...)
	refused := func() int { return x.refusals()["unavailable"] }
	if before := refused(); !x.until(10*time.Second, func() bool { return refused() > before }) {
		x.Error("no publisher was refused")
	}
	err := client.Post(ctx, heavy+"/messages", "text/plain", make([]byte, sizable), nil)
	var refusal *client.StatusError
	if !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || !bytes.Contains(refusal.Body, []byte("limits.memory_bytes")) {
		x.Errorf("a large message got %v", err)
	}
	if err := firstFrame(ctx, heavy+"/ws"); websocket.CloseStatus(err) != 4001 || !strings.Contains(err.Error(), "unavailable: ") {
		x.Errorf("a new WebSocket got %v", err)
	}
	if !x.overloaded(ctx) {
		x.Error("/readyz does not say that the bridge is overloaded")
	}
	// What is no memory of Go's is in it too: the program itself.
	if rss := x.gauge("process_resident_memory_bytes"); rss > memory+48<<20 {
		x.Errorf("it holds %d bytes of memory with a limit of %d", rss, memory)
	}
	x.step("messages are refused: %s", x.gauges(memoryGauges...))
}

// firstFrame is why a new WebSocket gets no first frame, for which it has ten seconds; nil where it gets one.
func firstFrame(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	socket, err := client.OpenWS(ctx, url, "culvert.v1.raw")
	if err != nil {
		return err
	}
	defer socket.Close()
	_, err = socket.Text(ctx)
	return err
}

// viewersWhoDoNotRead come one after the other, each of whom keeps the bridge from forgetting one large message, until new streams are refused, but messages are not.
func (x *trial) viewersWhoDoNotRead(ctx context.Context, topic string) (held []io.Closer) {
	x.Helper()
	for x.gauge("culvert_overloaded") == 0 {
		stream, err := client.OpenSSE(ctx, topic+"/events", "")
		if err != nil {
			x.Fatalf("a viewer: %v", err)
		}
		held = append(held, closer(stream.Close))
		if e, err := stream.Next(); err != nil || e.Type != "ready" {
			break
		}
		if err := client.Post(ctx, topic+"/messages", "text/plain", make([]byte, sizable), &struct{}{}); err != nil {
			break
		}
		x.pass(80 * time.Millisecond)
		if len(held) == 4*memory/sizable {
			x.Fatalf("%d viewers who do not read are taken: %s", len(held), x.gauges(memoryGauges...))
		}
	}
	x.step("%d viewers do not read: %s", len(held), x.gauges(memoryGauges...))
	for x.gauge("culvert_overloaded") > 1 && len(held) > 0 { // it came too fast
		held[0].Close()
		held = held[1:]
		x.pass(time.Second) // in which it is seen
	}
	return held
}

// bodiesWithoutEnd come until messages are refused.
func (x *trial) bodiesWithoutEnd(ctx context.Context, topic string) (held []io.Closer) {
	x.Helper()
	for x.gauge("culvert_overloaded") < 2 {
		b, err := dial(ctx, x.url())
		if err != nil {
			x.Fatalf("a sender: %v", err)
		}
		held = append(held, b)
		if err := b.ask(http.MethodPost, strings.TrimPrefix(topic, x.url())+"/messages", fmt.Sprintf("Content-Length: %d", sizable+1)); err != nil {
			x.Fatalf("a sender: %v", err)
		}
		_ = b.say(strings.Repeat("x", sizable)) // it may have been refused by its head
		if len(held) == 4*memory/sizable {
			x.Fatalf("%d bodies without end are taken: %s", len(held), x.gauges(memoryGauges...))
		}
	}
	x.step("%d bodies do not come to their end: %s", len(held), x.gauges(memoryGauges...))
	return held
}

var (
	socketGauges = []string{"process_open_fds", "culvert_sockets", "culvert_refused_sockets_total"}
	memoryGauges = []string{"culvert_overloaded", "culvert_memory_used_bytes", "process_resident_memory_bytes"}
)

// closer closes what gives no error.
type closer func()

func (c closer) Close() error {
	c()
	return nil
}

// gauge is a value of the first bridge's metrics.
func (x *trial) gauge(name string) int {
	x.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	text, err := client.Text(ctx, x.nodes[0].bridge.Admin+"/metrics")
	if err != nil {
		x.Fatalf("the metrics: %v", err)
	}
	n, err := number(text, name+" ")
	if err != nil {
		x.Fatalf("the metrics: %v", err)
	}
	return n
}

// gauges are some of them, for the log.
func (x *trial) gauges(names ...string) string {
	x.Helper()
	var said []string
	for _, name := range names {
		said = append(said, fmt.Sprintf("%s %d", name, x.gauge(name)))
	}
	return strings.Join(said, ", ")
}

// overloaded reports whether the first bridge's readiness says so.
func (x *trial) overloaded(ctx context.Context) bool {
	x.Helper()
	var refusal *client.StatusError
	err := client.Get(ctx, x.nodes[0].bridge.Admin+"/readyz", &struct{}{})
	return errors.As(err, &refusal) && refusal.Status == http.StatusServiceUnavailable && bytes.Contains(refusal.Body, []byte(`"overloaded":true`))
}
