package inproc

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// Watermill's own suite publishes before it subscribes, which only a persistent channel outlives: in that, and in nothing else, the channel here
// differs from the one that carries our messages. Of the suite's tests those are run that its Features leave for such a channel. One of them is not:
// TestMessageCtx publishes twice before it reads once, in one goroutine, where publishing waits for the reader by design. Order is not declared since a
// persistent channel replays in none; that our topics have order the conformance suite shows.
func TestWatermillSuite(t *testing.T) {
	features := tests.Features{
		ExactlyOnceDelivery:   true,
		RequireSingleInstance: true,
	}
	pair := func(*testing.T) (message.Publisher, message.Subscriber) {
		channel := newChannel(true)
		return channel, channel
	}
	for name, test := range map[string]func(*testing.T, tests.TestContext, tests.PubSubConstructor){
		"PublishSubscribe":                  tests.TestPublishSubscribe,
		"ConcurrentSubscribe":               tests.TestConcurrentSubscribe,
		"ConcurrentSubscribeMultipleTopics": tests.TestConcurrentSubscribeMultipleTopics,
		"ResendOnError":                     tests.TestResendOnError,
		"ContinueAfterErrors":               tests.TestContinueAfterErrors,
		"PublisherClose":                    tests.TestPublisherClose,
		"Topic":                             tests.TestTopic,
		"SubscribeCtx":                      tests.TestSubscribeCtx,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, tests.TestContext{TestID: tests.NewTestID(), Features: features}, pair)
		})
	}
}
