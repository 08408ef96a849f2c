package chaos

import (
	"math/rand/v2"
	"strings"
	"time"

	"culvert/tests/brokers"
)

// clientsKilled lets half of all clients die again and again, in the midst of whatever is said: the bridge is told by a RST. The others may not notice.
func clientsKilled(x *trial) {
	x.addNode()
	crossing := newRelay(x.T, brokers.Loopback(brokers.FreePorts(x.T, 1)[0]))
	crossing.target = strings.TrimPrefix(x.nodes[0].url, "http://")
	crossing.up()
	x.Cleanup(crossing.close)
	x.door = func() string { return "http://" + crossing.listen }
	x.underLoad(usual(), func(x *trial) {
		killed := 0
		for range few(12, 200) {
			killed += crossing.decimate(x.rand)
			x.pass(x.between(0, 400*time.Millisecond))
		}
		x.step("connections were killed %d times", killed)
		if refused := x.refusals(); len(refused) > 0 {
			x.Errorf("others were refused for it: %v", refused)
		}
	})
}

// decimate resets half of all connections, and counts them.
func (r *relay) decimate(chance *rand.Rand) (killed int) {
	r.each(func(c *call) {
		if chance.IntN(2) == 0 {
			return
		}
		killed++
		c.reset()
	})
	return killed
}
