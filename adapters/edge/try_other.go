//go:build !unix

package edge

// trial is nothing where no write is possible that does not wait.
type trial struct{}

// TryWrite writes nothing: here every write may have to wait.
func (p *patient) TryWrite([]byte) (int, error) { return 0, nil }
