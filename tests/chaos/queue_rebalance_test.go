package chaos

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// rebalances lets bridges leave in order, die and join while members hold messages, some for longer than their lease.
func rebalances(x *trial) {
	for range 3 {
		x.addNode()
	}
	doors := newDoors(x.nodes)
	x.door = doors.any
	var diligent atomic.Bool
	const most = 1500 * time.Millisecond // half as long again as the lease
	x.habits.dwell = func() time.Duration {
		switch {
		case diligent.Load():
			return 0
		case rand.IntN(40) == 0:
			return most/3 + rand.N(2*most/3)
		}
		return rand.N(30 * time.Millisecond)
	}
	x.underLoad(crowd{publishers: 3, viewers: 3, members: 9, keys: 40, rate: 40}, func(x *trial) {
		for range few(1, 8) {
			for _, leave := range []func(*node){(*node).stop, (*node).kill} {
				n := x.nodes[x.rand.IntN(len(x.nodes))]
				doors.close(n)
				leave(n)
				x.step("the bridge at %s has left", n.url)
				x.pass(x.between(0, pick(500*time.Millisecond, 6*time.Second)))
				n.start()
				doors.open(n)
				x.step("it is back")
				x.pass(x.between(0, pick(500*time.Millisecond, 6*time.Second)))
			}
		}
		diligent.Store(true)
		x.pass(most) // what is still held is settled then, or goes to others
	})
}

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
