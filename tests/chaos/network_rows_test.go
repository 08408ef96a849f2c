package chaos

import "time"

// networkRows break the way between bridge and broker.
func networkRows() []row {
	return []row{
		{name: "connections to the broker cut", on: servers, disturb: connectionsCut, soak: true},
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
