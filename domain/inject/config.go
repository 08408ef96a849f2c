package inject

import (
	"fmt"
	"time"
)

// Config bounds what one connection may have under way.
type Config struct {
	// Window is how many messages of one connection may be without an answer. Put blocks beyond it.
	Window int `mapstructure:"window"`
	// WindowBytes is how much memory they may hold together. One message that is larger goes alone.
	WindowBytes int `mapstructure:"window_bytes"`
	// Timeout is how long a message may be without the broker's confirmation, counted from when it was put.
	Timeout time.Duration `mapstructure:"timeout"`
}

// DefaultConfig lets one connection keep a broker busy without letting it fill the memory.
func DefaultConfig() Config {
	return Config{Window: 1000, WindowBytes: 4 << 20, Timeout: 10 * time.Second}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	switch {
	case c.Window < 1:
		return fmt.Errorf("inject.window is %d: it must be at least 1, or no message could be put", c.Window)
	case c.WindowBytes < 1:
		return fmt.Errorf("inject.window_bytes is %d: it must be at least 1", c.WindowBytes)
	case c.Timeout < grain:
		return fmt.Errorf("inject.timeout is %s: it must be at least %s, the grain in which deadlines are kept", c.Timeout, grain)
	}
	return nil
}
