//go:build unix

package machine

import "syscall"

// Descriptors is how many descriptors this process may have open at a time; 0 where that is not known. Go has raised the soft limit to the hard one by then.
func Descriptors() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Cur) //nolint:unconvert // it is signed on some systems
}
