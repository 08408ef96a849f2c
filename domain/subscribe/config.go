package subscribe

import (
	"fmt"
	"math"
	"time"
)

// Config bounds the feeds and what viewers may cost.
type Config struct {
	// Window bounds the log that each viewed topic has in memory. Viewers within it share their frames.
	Window Window `mapstructure:"window"`
	// Linger is how long a feed stays open after its last viewer left.
	Linger time.Duration `mapstructure:"linger"`
	// OpenTimeout is how long opening a stream may wait for the broker.
	OpenTimeout time.Duration `mapstructure:"open_timeout"`
	// Feeds is how many topics can be viewed at a time.
	Feeds int `mapstructure:"feeds"`
	// Replays is how many readers of the brokers' own logs may run at a time, for viewers who lack what is no longer in memory; others wait. Viewers who lack the same
	// share one.
	Replays int `mapstructure:"replays"`
	// ReplaysPerClient is how many of them one client address may have opened.
	ReplaysPerClient int `mapstructure:"replays_per_client"`
	// ReplayBytes is about how much of what it has read each of them keeps for those who share it.
	ReplayBytes int `mapstructure:"replay_bytes"`
	// Discovery is how often the brokers are asked for new topics while there are viewers of patterns.
	Discovery time.Duration `mapstructure:"discovery"`
	// BatchBytes is about how much a viewer is given at once.
	BatchBytes int `mapstructure:"batch_bytes"`
}

// Window bounds a log. Whatever is exceeded first drops the oldest messages.
type Window struct {
	Messages int           `mapstructure:"messages"`
	Bytes    int           `mapstructure:"bytes"`
	Age      time.Duration `mapstructure:"age"`
}

// DefaultConfig holds a topic of ordinary messages for minutes, and the largest one in 16 MiB.
func DefaultConfig() Config {
	return Config{
		Window:           Window{Messages: 50_000, Bytes: 16 << 20, Age: 10 * time.Minute},
		Linger:           30 * time.Second,
		OpenTimeout:      5 * time.Second,
		Feeds:            1000,
		Replays:          64,
		ReplaysPerClient: 16,
		ReplayBytes:      4 << 20,
		Discovery:        2 * time.Second,
		BatchBytes:       256 << 10,
	}
}

// Validate says which setting cannot be, and why.
func (c Config) Validate() error {
	for _, v := range []struct {
		name string
		n    int
	}{
		{"window.messages", c.Window.Messages},
		{"window.bytes", c.Window.Bytes},
		{"feeds", c.Feeds},
		{"replays", c.Replays},
		{"replays_per_client", c.ReplaysPerClient},
		{"replay_bytes", c.ReplayBytes},
		{"batch_bytes", c.BatchBytes},
	} {
		if v.n < 1 {
			return fmt.Errorf("subscribe.%s is %d: it must be at least 1", v.name, v.n)
		}
	}
	if c.Window.Age <= 0 {
		return fmt.Errorf("subscribe.window.age is %v: it must be more than 0", c.Window.Age)
	}
	if c.Linger < 0 {
		return fmt.Errorf("subscribe.linger is %v: it cannot be negative; 0 closes a feed with its last viewer", c.Linger)
	}
	if c.OpenTimeout <= 0 {
		return fmt.Errorf("subscribe.open_timeout is %v: it must be more than 0, or no stream could be opened", c.OpenTimeout)
	}
	if c.Discovery < 10*time.Millisecond {
		return fmt.Errorf("subscribe.discovery is %v: it must be at least 10ms, since every broker is asked for all its topics", c.Discovery)
	}
	return nil
}

// replayWindow bounds the log of one replay.
func (c Config) replayWindow() Window {
	return Window{Messages: math.MaxInt, Bytes: c.ReplayBytes, Age: math.MaxInt64}
}
