package chaos

import "time"

// bridgeRows end bridges.
func bridgeRows() []row {
	return []row{
		{name: "bridge killed with -9 and started again", on: everywhere, disturb: bridgeKilled, soak: true},
	}
}

func bridgeKilled(x *trial) {
	x.step("the bridge is killed")
	x.nodes[0].kill()
	x.pass(x.between(0, pick(time.Second, 3*time.Second)))
	x.nodes[0].start()
	x.step("the bridge has started again")
}
