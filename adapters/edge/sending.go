package edge

import (
	"fmt"
	"time"
)

// Sending says how the bytes of answers leave. It is part of the section http of the configuration.
type Sending struct {
	// SendBuffer is about how much of what was written, and not yet sent, the system holds for one connection, in bytes; 0 leaves it to the system.
	SendBuffer int `mapstructure:"send_buffer"`
	// WriteTimeout is how long a connection may take nothing of an answer for which its edge sets no time of its own.
	WriteTimeout time.Duration `mapstructure:"write_timeout"`
}

// DefaultSending keeps a thousand clients that never read below 100 MB of the system's memory, where it would give each 4 MiB, and slows no client.
func DefaultSending() Sending {
	return Sending{SendBuffer: 64 << 10, WriteTimeout: 20 * time.Second}
}

// Validate says which setting cannot be.
func (s Sending) Validate() error {
	const least, most = 4 << 10, 1 << 30
	switch {
	case s.SendBuffer != 0 && (s.SendBuffer < least || s.SendBuffer > most):
		return fmt.Errorf("http.send_buffer is %d: it must be from %d to %d, or 0 for what the system does by itself", s.SendBuffer, least, most)
	case s.WriteTimeout < time.Millisecond:
		return fmt.Errorf("http.write_timeout is %s: it must be at least 1ms", s.WriteTimeout)
	}
	return nil
}
