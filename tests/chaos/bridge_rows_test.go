package chaos

import "time"

// bridgeRows end bridges.
func bridgeRows() []row {
	return []row{
		{name: "bridge killed with -9 and started again", on: everywhere, disturb: bridgeKilled, soak: true},
		{name: "bridge killed with -9 again and again", on: everywhere, disturb: bridgeKilledAgain, variation: true, soak: true},
		{name: "bridge stopped while the broker is away", on: servers, env: leaving(), disturb: bridgeStopped((*proxy).down), variation: true},
		{name: "bridge stopped while the broker is half-open", on: servers, env: leaving(), disturb: bridgeStopped(func(p *proxy) { p.hold(told, answers) })},
		{name: "two bridges rolling behind nginx", on: servers, env: nginxEnv, alone: bridgesRoll},
		{name: "bridge frozen for longer than every session", on: []string{inproc}, env: hasty(), disturb: bridgeFrozen},
		{name: "two bridges frozen in turn for longer than every session", on: servers, env: hasty(), alone: bridgesFrozen},
		{name: "clock of the broker jumping", on: servers, alone: brokerClockJumps},
		{name: "clock of the bridge jumping", on: everywhere, alone: bridgeClockJumps},
	}
}

func bridgeKilled(x *trial) {
	x.step("the bridge is killed")
	x.nodes[0].kill()
	x.pass(x.between(0, pick(time.Second, 3*time.Second)))
	x.nodes[0].start()
	x.step("the bridge has started again")
}

// bridgeKilledAgain kills a bridge whose clients are coming back from its last death: some wait, some replay, some are refused.
func bridgeKilledAgain(x *trial) {
	for range few(4, 20) {
		x.nodes[0].kill()
		x.nodes[0].start()
		x.pass(x.between(0, 500*time.Millisecond))
	}
	x.step("the bridge has started for the last time")
}

// leaveWithin is what a bridge has for leaving where it must not take long.
const leaveWithin = 6 * time.Second

func leaving() []string {
	return []string{"CULVERT_SHUTDOWN_TIMEOUT=" + leaveWithin.String(), "CULVERT_QUEUE_DRAIN_GRACE=2s"}
}

// bridgeStopped tells a bridge to end when it has lost its broker: it does so in time, with status 0, although it can bring nothing to its end there.
func bridgeStopped(lose func(*proxy)) func(*trial) {
	return func(x *trial) {
		x.Cleanup(x.proxy.mend)
		lose(x.proxy)
		x.pass(x.between(0, pick(time.Second, 10*time.Second)))
		begun := time.Now()
		x.nodes[0].stop()
		took := time.Since(begun)
		if x.step("the bridge has left after %s", took.Round(time.Millisecond)); took > leaveWithin+time.Second { // which a busy machine may need
			x.Errorf("the bridge took %s to leave, and had %s", took, leaveWithin)
		}
		x.proxy.mend()
		x.nodes[0].start()
	}
}

// bridgesRoll stops two bridges in order and starts them again, one after the other, while clients come through an nginx.
func bridgesRoll(x *trial) {
	x.addNode()
	x.addNode()
	x.behindNginx()
	// nginx may have led all clients to one bridge before, and to both of them afterwards: 20 to 50 goroutines for a second reader, producer and member.
	x.grown.goroutines = 50
	x.underLoad(usual(), func(x *trial) {
		for range few(2, 10) {
			for _, n := range x.nodes {
				n.stop()
				x.step("the bridge at %s has left", n.url)
				x.pass(x.between(0, pick(300*time.Millisecond, 2*time.Second)))
				n.start()
				if !x.until(recovery, n.ready) {
					x.Errorf("the bridge at %s is not ready", n.url)
				}
			}
		}
	})
}
