package subscribe

import (
	"fmt"
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
	// Replays is how many viewers can read from the broker's own log at a time; others wait.
	Replays int `mapstructure:"replays"`
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
		Window:      Window{Messages: 50_000, Bytes: 16 << 20, Age: 10 * time.Minute},
		Linger:      30 * time.Second,
		OpenTimeout: 5 * time.Second,
		Feeds:       1000,
		Replays:     64,
		BatchBytes:  256 << 10,
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
	return nil
}
