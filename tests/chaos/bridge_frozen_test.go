package chaos

import (
	"slices"
	"time"
)

// hasty are settings by which sessions and leases end soon, so that a bridge need not be frozen for long to lose them.
func hasty() []string {
	return slices.Concat(nginxEnv, []string{"CULVERT_AMQP_HEARTBEAT=1s", "CULVERT_KAFKA_SESSION_TIMEOUT=1500ms", "CULVERT_QUEUE_LEASE=1500ms"})
}

// bridgeFrozen stops a bridge where it is, as a virtual machine that is suspended does.
func bridgeFrozen(x *trial) {
	for range few(1, 5) {
		x.freeze(x.nodes[0])
	}
}

// bridgesFrozen does so with one of two bridges after the other: what the frozen one held goes to the other one, and when it goes on it must find out.
func bridgesFrozen(x *trial) {
	x.addNode()
	x.addNode()
	x.behindNginx()
	x.underLoad(usual(), func(x *trial) {
		for range few(1, 5) {
			for _, n := range x.nodes {
				x.freeze(n)
				x.goOn("when a bridge goes on that was frozen")
			}
		}
	})
}

// freeze lets a bridge stand still until its sessions and its leases are over.
func (x *trial) freeze(n *node) {
	if err := n.bridge.Freeze(); err != nil {
		x.Fatal(err)
	}
	x.step("the bridge at %s is frozen", n.url)
	x.pass(x.between(3*time.Second, pick(3500*time.Millisecond, 15*time.Second)))
	if err := n.bridge.Thaw(); err != nil {
		x.Fatal(err)
	}
	x.step("it goes on")
}
