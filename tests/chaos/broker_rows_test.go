package chaos

import "time"

// brokerRows break the broker itself.
func brokerRows() []row {
	return []row{
		{name: "broker killed with -9 and started again", on: servers, disturb: brokerKilled, soak: true},
	}
}

func brokerKilled(x *trial) {
	x.step("the broker is killed")
	x.kill()
	x.pass(x.between(500*time.Millisecond, pick(2*time.Second, 10*time.Second)))
	x.step("the broker starts again")
	x.start()
}
