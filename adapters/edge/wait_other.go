//go:build !unix

package edge

import "sync"

// awaiting is nothing where nobody can wait for bytes but by reading them.
type awaiting struct{}

// ReadReady is Read into memory of the pool.
func (p *patient) ReadReady(pool *sync.Pool) (memory *[]byte, n int, err error) {
	memory = pool.Get().(*[]byte)
	if n, err = p.Read(*memory); err != nil {
		pool.Put(memory)
		return nil, 0, err
	}
	return memory, n, nil
}
