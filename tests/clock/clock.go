// Package clock lets the wall clock of one process jump, as a machine's does that is set by hand or by NTP, while the machine's own goes on, and the process's monotonic clock too.
//
// Programs on Linux ask the time of the vDSO, code that the kernel maps into each process. In the copy of the process its functions are led to ones that add some seconds to what
// the kernel says. That holds for programs in Go, on the JVM and on Erlang's machine alike, and only for those asked for.
package clock

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnsupported says that this machine is none on which a clock can be made to jump.
var ErrUnsupported = errors.New("the clock of a process jumps on Linux on amd64 only")

// Supported is nil where the clock of a process can be made to jump, else ErrUnsupported.
func Supported() error {
	if !supported {
		return ErrUnsupported
	}
	return nil
}

// Ahead sets the wall clock of a running process so far ahead of the machine's, in whole seconds; behind it where by is negative. The process must be one that we may trace, a child of ours
// for example. It returns when the process has the new time.
func Ahead(pid int, by time.Duration) error {
	if err := ahead(pid, int64(by/time.Second)); err != nil {
		return fmt.Errorf("the clock of process %d: %w", pid, err)
	}
	return nil
}
