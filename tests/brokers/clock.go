package brokers

import (
	"errors"
	"testing"
	"time"

	"culvert/tests/clock"
)

// SetClock lets the process's wall clock be so far ahead of the machine's, in whole seconds; behind it where by is negative. A process that is started again goes by the machine's.
func (k *KafkaProcess) SetClock(by time.Duration) {
	k.t.Helper()
	k.node.process.setClock(k.t, by)
}

// SetClock is that of KafkaProcess.
func (r *RabbitMQNode) SetClock(by time.Duration) {
	r.t.Helper()
	r.node.process.setClock(r.t, by)
}

// setClock ends the test where it cannot be done.
func (p *process) setClock(t testing.TB, by time.Duration) {
	t.Helper()
	pid, err := p.pid()
	if err == nil {
		err = clock.Ahead(pid, by)
	}
	if errors.Is(err, clock.ErrUnsupported) {
		Without(t, "clock that jumps", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
