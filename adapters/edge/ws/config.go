package ws

import (
	"errors"
	"fmt"
	"time"
)

// Config is the section ws of the configuration.
type Config struct {
	// PingInterval is how often a client is pinged.
	PingInterval time.Duration `mapstructure:"ping_interval"`
	// PongWait is the silence, of data and pongs alike, after which a client is taken for dead. Time in which its socket is not
	// read, because its window is full, does not count.
	PongWait time.Duration `mapstructure:"pong_wait"`
	// WriteTimeout is how long a socket may take nothing of what is written to it before it is closed with 4002.
	WriteTimeout time.Duration `mapstructure:"write_timeout"`
	// CloseTimeout is how long the parting may take on each side: answers that are still due, and then the client's own close.
	CloseTimeout time.Duration `mapstructure:"close_timeout"`
	// Heartbeat is the silence of a subscription after which culvert.v1.json sends a mark.
	Heartbeat time.Duration `mapstructure:"heartbeat"`
	// Retry is about how long clients that were sent away shall wait; each is told a random time around it.
	Retry time.Duration `mapstructure:"retry"`
	// Drain is over how long clients are spread that are all sent away at once, by a shutdown.
	Drain time.Duration `mapstructure:"-"`
}

// DefaultConfig suits browsers behind the usual proxies, which cut connections that are silent for a minute.
func DefaultConfig() Config {
	return Config{
		PingInterval: 25 * time.Second,
		PongWait:     60 * time.Second,
		WriteTimeout: 15 * time.Second,
		CloseTimeout: 5 * time.Second,
		Heartbeat:    15 * time.Second,
		Retry:        2 * time.Second,
	}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	for _, v := range []struct {
		name string
		d    time.Duration
	}{
		{"ping_interval", c.PingInterval},
		{"pong_wait", c.PongWait},
		{"write_timeout", c.WriteTimeout},
		{"close_timeout", c.CloseTimeout},
		{"heartbeat", c.Heartbeat},
		{"retry", c.Retry},
	} {
		// A time in milliseconds written as a bare number would be read as nanoseconds.
		if v.d < time.Millisecond {
			return fmt.Errorf("ws.%s is %s: it must be at least 1ms", v.name, v.d)
		}
	}
	if c.PongWait <= c.PingInterval {
		return errors.New("ws.pong_wait must be longer than ws.ping_interval: else a client that is only silent is taken for dead before it was asked")
	}
	return nil
}
