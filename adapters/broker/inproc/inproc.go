// Package inproc is the broker inside the process: nothing to install, nothing kept beyond the process. A topic is a bounded log in memory, and what is
// published is in it at once.
package inproc

import (
	"fmt"
	"time"

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

// pair is the configuration of the broker's topics.
func (c Config) pair() broker.Config {
	p := broker.DefaultConfig()
	p.Topics, p.Queues = c.Topics, c.Queues
	p.LogMessages, p.LogBytes, p.LogAge = c.LogMessages, c.LogBytes, c.LogAge
	return p
}

// New makes the broker.
func New(cfg Config) (*broker.Pair, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return broker.NewLocal(cfg.pair())
}
