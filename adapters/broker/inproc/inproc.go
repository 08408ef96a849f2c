// Package inproc is the broker inside the process: nothing to install, nothing kept beyond the process. Watermill's gochannel carries the messages, a
// batch at a time, and a bounded log in memory remembers them.
package inproc

import (
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"culvert/adapters/broker"
)

// Config bounds what the broker keeps: at most Topics times LogBytes, and one message more for each topic.
type Config struct {
	// Topics is how many topics there can be. A topic is made when it is first used and lives as long as the process.
	Topics int `mapstructure:"topics"`
	// Queues is how many queues each topic can have.
	Queues int `mapstructure:"queues"`
	// LogMessages, LogBytes and LogAge bound the log of each topic, whichever is reached first.
	LogMessages int           `mapstructure:"log_messages"`
	LogBytes    int           `mapstructure:"log_bytes"`
	LogAge      time.Duration `mapstructure:"log_age"`
}

// DefaultConfig suits a development machine.
func DefaultConfig() Config {
	return Config{
		Topics:      500,
		Queues:      100,
		LogMessages: 100_000,
		LogBytes:    16 << 20,
		LogAge:      time.Hour,
	}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	if err := c.pair().Validate(); err != nil {
		return fmt.Errorf("inproc.%w", err)
	}
	return nil
}

// pair is the configuration of the pair. All that is published through it comes back to it before Publish returns, and nobody else has the channel.
func (c Config) pair() broker.Config {
	p := broker.DefaultConfig()
	p.Topics, p.Queues = c.Topics, c.Queues
	p.LogMessages, p.LogBytes, p.LogAge = c.LogMessages, c.LogBytes, c.LogAge
	p.ReceiptPosition, p.KeyOrder, p.Catalogue, p.Parcels = true, true, true, true
	return p
}

// New makes the broker.
func New(cfg Config) (*broker.Pair, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	channel := newChannel(false)
	return broker.NewPair(channel, channel, cfg.pair())
}

// newChannel makes the channel that carries the messages. Publishing waits for our subscription's acknowledgement: without that gochannel sends each
// message from a goroutine of its own, in no order and without bound.
func newChannel(persistent bool) *gochannel.GoChannel {
	return gochannel.NewGoChannel(gochannel.Config{
		BlockPublishUntilSubscriberAck: true,
		Persistent:                     persistent,
	}, watermill.NopLogger{})
}
