//go:build unix

package edge

import (
	"io"
	"os"
	"sync"
	"syscall"
)

// awaiting is a read that takes memory when there is something to read. It belongs to who reads the connection.
type awaiting struct {
	conn    syscall.RawConn
	attempt func(fd uintptr) bool
	pool    *sync.Pool // of *[]byte
	memory  *[]byte
	n       int
	err     error
}

func (a *awaiting) read(fd uintptr) bool {
	memory := a.pool.Get().(*[]byte)
	for {
		n, err := syscall.Read(int(fd), *memory)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			a.pool.Put(memory)
			return false
		case err != nil:
			a.err = os.NewSyscallError("read", err)
		case n == 0:
			a.err = io.EOF
		default:
			a.memory, a.n = memory, n
			return true
		}
		a.pool.Put(memory)
		return true
	}
}

// ReadReady waits until there is something to read, and then reads n bytes into memory of the pool, which holds *[]byte: who waits has none. The caller gives it back. It is not called during a Read
// or another ReadReady, and fails as Read does.
func (p *patient) ReadReady(pool *sync.Pool) (memory *[]byte, n int, err error) {
	if p.awaiting == nil {
		conn, err := p.SyscallConn()
		if err != nil {
			return nil, 0, err
		}
		a := &awaiting{conn: conn}
		a.attempt = a.read
		p.awaiting = a
	}
	a := p.awaiting
	a.pool, a.memory, a.n, a.err = pool, nil, 0, nil
	if err := a.conn.Read(a.attempt); err != nil {
		return nil, 0, err
	}
	memory, a.memory = a.memory, nil
	return memory, a.n, a.err
}
