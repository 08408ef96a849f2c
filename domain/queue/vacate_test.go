package queue_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"culvert/domain/queue"
)

// Whoever waited in vain for this node to leave was told that the request had ended, which it had not.
func TestWhyAQueueThatIsBeingLeftIsNotMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowly{newBroker(1), make(chan struct{})}
		movable(nil, b.fakeBroker)
		s := serve(t, b, queue.DefaultConfig())
		sit(t, s, 1).gone()
		for name, move := range moves {
			if err := move(t.Context(), s); err == nil || !strings.Contains(err.Error(), "still leaving") {
				t.Errorf("%s: %v", name, err)
			}
		}
		close(b.leave)
		stop(t, s)
	})
}
