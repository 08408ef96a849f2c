//go:build unix

package edge

import (
	"os"
	"syscall"
)

// trial is a write that does not wait. It belongs to who writes to the connection at the moment.
type trial struct {
	conn    syscall.RawConn // nil before the first, as is attempt
	attempt func(fd uintptr)
	b       []byte
	n       int
	err     error
}

func (t *trial) write(fd uintptr) {
	for {
		n, err := syscall.Write(int(fd), t.b)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			t.n, t.err = 0, nil
		case err != nil:
			t.n, t.err = 0, os.NewSyscallError("write", err)
		default:
			t.n, t.err = n, nil
		}
		return
	}
}

// TryWrite writes as much of b as the system takes at once, and tells how much that was. It is not called during Write or another TryWrite.
func (p *patient) TryWrite(b []byte) (int, error) {
	t := &p.trial
	if t.conn == nil {
		conn, err := p.SyscallConn()
		if err != nil {
			return 0, err
		}
		t.conn, t.attempt = conn, t.write
	}
	t.b = b
	// Not conn.Write, which keeps its own callers apart and looks at deadlines: nothing is waited for here.
	err := t.conn.Control(t.attempt)
	t.b = nil
	if err == nil {
		err = t.err
	}
	if err != nil {
		return 0, err
	}
	return t.n, nil
}
