package chaos

import (
	"context"
	"strings"
	"time"

	"culvert/tests/client"
)

// networkRows break the way between bridge and broker.
func networkRows() []row {
	rows := []row{
		{name: "connections to the broker cut", disturb: connectionsCut, soak: true},
		{name: "connections to the broker reset", disturb: connectionsReset, variation: true, soak: true},
		{name: "connections to the broker flapping", disturb: connectionsFlapping, soak: true},
		{name: "connections to the broker forgotten by the network", disturb: connectionsForgotten, variation: true},
		{name: "network to the broker swallows everything", disturb: swallowing(told, answers), soak: true},
		{name: "network to the broker swallows what the broker says", disturb: swallowing(answers), variation: true, soak: true},
		{name: "network to the broker swallows what it is told", disturb: swallowing(told), variation: true, soak: true},
		{name: "network to the broker stalls, and goes on", disturb: networkStalls, soak: true},
		{name: "network to the broker slow", disturb: networkSlow, soak: true},
		{name: "network to the broker narrow", disturb: networkNarrow},
		{name: "network to the broker carries a few bytes at a time", disturb: networkSliced, variation: true, soak: true},
	}
	for i := range rows {
		rows[i].on, rows[i].disturb = servers, networkDisturbed(rows[i].disturb)
	}
	return rows
}

// networkDisturbed mends what disturb did to the network, and wants all to go on soon then: no back-off may have grown to minutes.
func networkDisturbed(disturb func(*trial)) func(*trial) {
	const soon = 15 * time.Second
	return func(x *trial) {
		defer x.proxy.mend()
		x.Cleanup(func() {
			if x.back > soon {
				x.Errorf("all went on %s after the network was whole again", x.back)
			}
		})
		disturb(x)
	}
}

func connectionsCut(x *trial) {
	for range 3 {
		x.step("all connections are cut")
		x.proxy.down()
		x.pass(x.between(0, pick(500*time.Millisecond, 2*time.Second)))
		x.proxy.up()
		x.pass(x.between(0, pick(500*time.Millisecond, 2*time.Second)))
	}
}

func connectionsReset(x *trial) {
	for range 5 {
		x.step("all connections are reset")
		x.proxy.reset()
		x.pass(x.between(0, pick(500*time.Millisecond, 2*time.Second)))
	}
}

func connectionsFlapping(x *trial) {
	const every = 200 * time.Millisecond
	x.step("the network goes and comes every %s", every)
	for end := time.Now().Add(pick(8*time.Second, time.Minute)); time.Now().Before(end); {
		x.proxy.down()
		x.pass(every)
		x.proxy.up()
		x.pass(every)
	}
}

// notice is how long both sides take at most to see that the other one is mute, with the settings of impatient.
const notice = 5 * time.Second

// connectionsForgotten is what a firewall does that has lost its state.
func connectionsForgotten(x *trial) {
	x.step("the network forgets all connections, and carries new ones")
	x.proxy.forget()
	x.notReady()
	x.becomesReady(3 * notice)
}

// swallowing lets nothing through on some ways for so long that it must be noticed, and cuts the connections then.
func swallowing(ways ...int) func(*trial) {
	return func(x *trial) {
		x.step("the network swallows all")
		x.proxy.hold(ways...)
		x.notReady()
		x.pass(x.between(notice, notice+pick(500*time.Millisecond, 20*time.Second)))
		x.proxy.cut()
		x.proxy.mend()
		x.step("the network is whole again")
		x.becomesReady(notice)
	}
}

// networkStalls carries nothing for so long that it must be noticed, and then all of it.
func networkStalls(x *trial) {
	x.step("the network stalls")
	x.proxy.hold(told, answers)
	x.pass(x.between(time.Second, notice+pick(time.Second, 20*time.Second)))
	x.proxy.mend()
	x.step("the network goes on")
}

func networkSlow(x *trial) {
	x.step("the network takes 200 to 800 ms there and back")
	for _, way := range []string{"upstream", "downstream"} {
		x.proxy.poison("latency", way, map[string]any{"latency": 250, "jitter": 150})
	}
	x.goesOnSlowly()
	x.pass(pick(3*time.Second, 30*time.Second))
}

// goesOnSlowly wants all to go on, though not quickly.
func (x *trial) goesOnSlowly() { x.step("all went on after %s", x.goOn("while the network is slow")) }

// networkNarrow lets more be injected than the network carries: what waits is bounded, and what is refused is refused clearly.
func networkNarrow(x *trial) {
	const allowed = 96 << 20
	flooded := x.topic(x.T)
	before := x.usage()
	x.proxy.poison("bandwidth", "upstream", map[string]any{"rate": 100})
	x.step("the network carries 100 kB/s, and far more is injected")
	ctx, end := context.WithTimeout(context.Background(), pick(6*time.Second, 30*time.Second))
	defer end()
	for range 8 {
		x.load.reading.Go(func() { x.flood(ctx, flooded) }) // ends with ctx
	}
	<-ctx.Done()
	now := x.usage()
	x.step("%v", now)
	if now.heap > before.heap+allowed {
		x.Errorf("%v while the network is narrow, after %v before", now, before)
	}
	x.proxy.mend()
	x.step("the network is whole again")
}

// flood injects large messages over a socket, as fast as they are taken.
func (x *trial) flood(ctx context.Context, topic string) {
	ws, err := client.OpenWS(ctx, x.url()+"/v1/topics/"+topic+"/ws", "culvert.v1.json")
	if err != nil {
		x.Errorf("a flood: %v", err)
		return
	}
	defer ws.Close()
	x.load.reading.Go(func() { // ends with the socket
		for {
			f, err := ws.Next(ctx)
			if err != nil {
				return
			}
			if f.Op == "err" {
				x.refuse(f.Code, f.Detail, f.Retryable)
			}
		}
	})
	text := strings.Repeat("x", 100_000)
	for ws.Send(ctx, client.Frame{Op: "pub", ID: "flood", Text: &text}) == nil { // until ctx ends
	}
}

func networkSliced(x *trial) {
	x.step("the network carries 7 bytes at a time")
	for _, way := range []string{"upstream", "downstream"} {
		x.proxy.poison("slicer", way, map[string]any{"average_size": 7, "size_variation": 6, "delay": 100})
	}
	x.goesOnSlowly()
}

// notReady wants each bridge to say at /readyz that the broker is not there, within what a probe waits twice.
func (x *trial) notReady() {
	since := time.Now()
	for _, n := range x.nodes {
		if !x.until(2*time.Second, func() bool { return !n.ready() }) {
			x.Errorf("%s after the broker was last heard the bridge at %s says that it is ready", time.Since(since), n.url)
		}
	}
	x.step("not ready after %s", time.Since(since).Round(time.Millisecond))
}

// becomesReady wants each bridge to say within limit that the broker is there.
func (x *trial) becomesReady(limit time.Duration) {
	since := time.Now()
	for _, n := range x.nodes {
		if !x.until(limit, n.ready) {
			x.Errorf("%s after the network was mended the bridge at %s says that it is not ready", time.Since(since), n.url)
		}
	}
	x.step("ready after %s", time.Since(since).Round(time.Millisecond))
}
