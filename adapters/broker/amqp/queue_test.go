package amqp

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

func TestANodeThatIsAwayIsNoQueueThatIsNotThere(t *testing.T) {
	away := &amqp091.Error{Code: amqp091.NotFound, Server: true, Reason: "NOT_FOUND - home node 'rabbit@b' of durable queue 'q' in vhost '/' is down or inaccessible"}
	none := &amqp091.Error{Code: amqp091.NotFound, Server: true, Reason: "NOT_FOUND - no queue 'q' in vhost '/'"}
	if missing(away) || !missing(none) {
		t.Errorf("missing says %v and %v", missing(away), missing(none))
	}
	if code := domain.CodeOf(translate("t", away)); code != domain.Unavailable {
		t.Errorf("a node that is away is %s, want %s", code, domain.Unavailable)
	}
}
