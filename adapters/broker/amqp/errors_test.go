package amqp

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// A stream that was just being declared was taken for a thing of another kind, which does not pass.
func TestAStreamThatIsNotThereYetPasses(t *testing.T) {
	for reason, code := range map[string]domain.Code{
		"PRECONDITION_FAILED - queue 'queue 'orders:$log' in vhost '/'' does not have a replica on the local node":                                                                    domain.Unavailable,
		"PRECONDITION_FAILED - queue 'queue 'orders:$log' in vhost '/'' does not have a running replica on the local node":                                                            domain.Unavailable,
		"PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'orders:$log' in vhost '/': received the value 'stream' of type 'longstr' but current is the value 'quorum'": domain.Conflict,
	} {
		err := translate("orders", &amqp091.Error{Code: amqp091.PreconditionFailed, Server: true, Reason: reason})
		if got := domain.CodeOf(err); got != code {
			t.Errorf("%s: %s, want %s", reason, got, code)
		}
	}
}
