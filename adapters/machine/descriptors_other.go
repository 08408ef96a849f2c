//go:build !unix

package machine

// Descriptors is how many descriptors this process may have open at a time; 0 where that is not known.
func Descriptors() uint64 { return 0 }
