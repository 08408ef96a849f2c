//go:build !linux

package drive

import (
	"errors"
	"time"
)

var errLinux = errors.New("the benchmark is for Linux, whose sockets and clocks it knows")

type poller struct{}

func newPoller() (*poller, error)                 { return nil, errLinux }
func (*poller) add(int, int) error                { return errLinux }
func (*poller) wait(time.Duration) ([]int, error) { return nil, errLinux }
func (*poller) close()                            {}
func connect(string) (int, error)                 { return 0, errLinux }
func read(int, []byte) (int, error)               { return 0, errLinux }
func write(int, []byte) error                     { return errLinux }
func closeSocket(int)                             {}

// CPU is known on Linux only.
func CPU(int) (time.Duration, error) { return 0, errLinux }

// Memory is known on Linux only.
func Memory(int) (int, error) { return 0, errLinux }

// RaiseDescriptors works on Linux only.
func RaiseDescriptors() (int, error) { return 0, errLinux }
