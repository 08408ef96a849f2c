//go:build !linux && !darwin

package edge

import (
	"errors"
	"net"
)

// limitUnsent is not to be had here: the whole send buffer is bounded instead.
func limitUnsent(*net.TCPConn, int) error { return errors.ErrUnsupported }
