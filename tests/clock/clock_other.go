//go:build !(linux && amd64)

package clock

const supported = false

func ahead(int, int64) error { return ErrUnsupported }
