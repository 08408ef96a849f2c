package bridge

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// Command is the binary as a client of b: culvert with these arguments. It is killed when ctx ends.
func (b *Bridge) Command(ctx context.Context, t testing.TB, arguments ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(ctx, binary(t, build), arguments...)
	// A binary with the race detector would wait for a second whenever it ends well.
	c.Env = append(withoutCulvert(os.Environ()), "CULVERT_URL="+b.URL, "GORACE=atexit_sleep_ms=0")
	return c
}

// Program is the path of the binary, which is built where it is not there yet.
func Program(t testing.TB) string {
	t.Helper()
	return binary(t, build)
}
