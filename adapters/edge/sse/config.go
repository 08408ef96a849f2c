package sse

import (
	"fmt"
	"time"
)

// Config says how streams over HTTP behave. It is the section sse of the configuration.
type Config struct {
	// Heartbeat is the silence after which something is written all the same, so that proxies and clients see a living stream.
	Heartbeat time.Duration `mapstructure:"heartbeat"`
	// Retry is how long clients are told to wait before they come back; those that are sent away get a random time around it.
	Retry time.Duration `mapstructure:"retry"`
	// Drain is over how long clients are spread that are all sent away at once, by a shutdown.
	Drain time.Duration `mapstructure:"-"`
	// WriteTimeout is how long a client may take nothing of what is written to it. Then the connection is closed.
	WriteTimeout time.Duration `mapstructure:"write_timeout"`
}

// DefaultConfig fits browsers and proxies as they are.
func DefaultConfig() Config {
	return Config{Heartbeat: 15 * time.Second, Retry: 2 * time.Second, WriteTimeout: 20 * time.Second}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	switch {
	case c.Heartbeat < time.Millisecond:
		return fmt.Errorf("sse.heartbeat is %s: it must be at least 1ms", c.Heartbeat)
	case c.Retry < time.Millisecond:
		return fmt.Errorf("sse.retry is %s: it must be at least 1ms, or clients come back without a pause", c.Retry)
	case c.WriteTimeout < time.Millisecond:
		return fmt.Errorf("sse.write_timeout is %s: it must be at least 1ms", c.WriteTimeout)
	}
	return nil
}
