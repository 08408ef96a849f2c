package chaos

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// doors are the bridges to which clients can go.
type doors struct {
	mu    sync.Mutex // guards nodes
	nodes []*node
}

func newDoors(nodes []*node) *doors { return &doors{nodes: slices.Clone(nodes)} }

// any is the address of one of them.
func (d *doors) any() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nodes[rand.IntN(len(d.nodes))].url
}

// close says that a bridge is about to go. Another one must be there.
func (d *doors) close(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = slices.DeleteFunc(d.nodes, func(other *node) bool { return other == n })
}

func (d *doors) open(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = append(d.nodes, n)
}
