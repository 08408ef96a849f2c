//go:build unix

package display

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Unread calls gone when nobody reads any more what is written to stream, a pipe or a terminal: else a program behind which there is a head would go on until it has
// something more to write. It returns then, when ctx ends, or where the system cannot tell.
func Unread(ctx context.Context, stream any, gone func()) {
	file, ok := stream.(*os.File)
	if !ok {
		return
	}
	const wait = 200 // milliseconds
	for ctx.Err() == nil {
		// No event is asked for: these come unasked (POSIX poll).
		watched := []unix.PollFd{{Fd: int32(file.Fd())}}
		n, err := unix.Poll(watched, wait)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return
		case n > 0 && watched[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0:
			gone()
			return
		case n > 0:
			return // it is closed
		}
	}
}
