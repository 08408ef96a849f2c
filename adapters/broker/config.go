package broker

import (
	"errors"
	"fmt"
	"time"
)

// Config says how much a Pair keeps, and what is known of its Watermill backend.
type Config struct {
	// Topics is how many topics the pair subscribes to at most; further ones are refused.
	Topics int `mapstructure:"topics"`
	// Queues is how many queues a topic has at most; further ones are refused.
	Queues int `mapstructure:"queues"`
	// LogMessages, LogBytes and LogAge bound the log of each topic: whichever is reached first. The newest message is kept whatever its size.
	LogMessages int           `mapstructure:"log_messages"`
	LogBytes    int           `mapstructure:"log_bytes"`
	LogAge      time.Duration `mapstructure:"log_age"`
	// PublishTimeout is how long a batch may wait for its confirmations; what is not confirmed then is answered with Timeout, or
	// with Unavailable where it was not even tried.
	PublishTimeout time.Duration `mapstructure:"publish_timeout"`

	// ReceiptPosition says that what is published comes back through the subscriber of the same pair with its UUID. It is then
	// waited for, message by message, before the publisher is answered: acks tell the position, and messages of one topic keep the order in which they
	// were published here whatever the backend does.
	ReceiptPosition bool `mapstructure:"receipt_position"`
	// KeyOrder says that the backend delivers messages of one key in the order in which they were published.
	KeyOrder bool `mapstructure:"key_order"`
	// Catalogue says that the backend has no topics but those that are used through this pair, so that it can list them all.
	Catalogue bool `mapstructure:"catalogue"`
	// Parcels says that nobody else publishes or subscribes to the backend, so that a Watermill message need not be read by other applications: one carries a whole batch, and those that
	// wait behind it. What a message costs the backend is then shared by all of a batch, and so is its failure. It needs ReceiptPosition.
	Parcels bool `mapstructure:"parcels"`
}

// DefaultConfig suits a backend of which nothing is known.
func DefaultConfig() Config {
	return Config{
		Topics:         1000,
		Queues:         100,
		LogMessages:    100_000,
		LogBytes:       64 << 20,
		LogAge:         time.Hour,
		PublishTimeout: 30 * time.Second,
	}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	for _, v := range []struct {
		name string
		n    int64
	}{
		{"topics", int64(c.Topics)},
		{"queues", int64(c.Queues)},
		{"log_messages", int64(c.LogMessages)},
		{"log_bytes", int64(c.LogBytes)},
	} {
		if v.n < 1 {
			return fmt.Errorf("%s is %d: it must be at least 1", v.name, v.n)
		}
	}
	if c.LogAge <= 0 {
		return fmt.Errorf("log_age is %s: it must be longer than nothing", c.LogAge)
	}
	if c.PublishTimeout <= 0 {
		return fmt.Errorf("publish_timeout is %s: it must be longer than nothing", c.PublishTimeout)
	}
	if c.Parcels && !c.ReceiptPosition {
		return errors.New("parcels is set and receipt_position is not: what is in a parcel is answered when that comes back")
	}
	return nil
}
