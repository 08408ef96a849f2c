package chaos

import (
	"fmt"
	"time"

	"culvert/tests/oracle"
)

// poisoning injects messages that no member can handle, while the connection to the broker comes and goes.
func poisoning(x *trial) {
	x.addNode()
	var sent []oracle.Note
	x.underLoad(usual(), func(x *trial) {
		for round := range few(3, 20) {
			sent = append(sent, x.inject(fmt.Sprintf("%s-%d", poisoned, round), few(10, 50))...)
			if x.proxy == nil {
				continue
			}
			x.proxy.down()
			x.step("the broker is cut off, for the %d. time", round+1)
			x.pass(x.between(0, pick(500*time.Millisecond, 5*time.Second)))
			x.proxy.up()
			x.pass(x.between(0, pick(500*time.Millisecond, 2*time.Second)))
		}
		x.goOn("after the poison")
		if !x.until(recovery, func() bool { return len(lacking(x.load.letters(), sent)) == 0 }) {
			x.Errorf("these are no dead letters: %v", lacking(x.load.letters(), sent))
		}
		x.step("%d of poison are dead letters", len(sent))
	})
	for _, n := range x.load.letters() {
		if !poison(n) {
			x.Errorf("%v is a dead letter, and members can handle it", n)
		}
	}
}

// lacking are those of notes that letters do not have.
func lacking(letters, notes []oracle.Note) (lacking []oracle.Note) {
	there := map[oracle.Note]bool{}
	for _, n := range letters {
		there[n] = true
	}
	for _, n := range notes {
		if !there[n] {
			lacking = append(lacking, n)
		}
	}
	return lacking
}
