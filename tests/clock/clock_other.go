//go:build !(linux && amd64)

package clock

func ahead(int, int64) error { return ErrUnsupported }
