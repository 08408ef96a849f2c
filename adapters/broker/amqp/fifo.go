package amqp

// fifo is a queue of messages whose memory is used again.
type fifo struct {
	ring  []*outgoing
	first int
	n     int
}

func (f *fifo) push(o *outgoing) {
	if f.n == len(f.ring) {
		ring := make([]*outgoing, max(64, 2*f.n))
		copy(ring[copy(ring, f.ring[f.first:]):], f.ring[:f.first])
		f.ring, f.first = ring, 0
	}
	f.ring[(f.first+f.n)%len(f.ring)] = o
	f.n++
}

// unpush takes back what was pushed last.
func (f *fifo) unpush() {
	f.n--
	f.ring[(f.first+f.n)%len(f.ring)] = nil
}

// shift takes what was pushed first; nil where there is nothing.
func (f *fifo) shift() *outgoing {
	if f.n == 0 {
		return nil
	}
	o := f.ring[f.first]
	f.ring[f.first] = nil
	f.first = (f.first + 1) % len(f.ring)
	f.n--
	return o
}

// all takes everything, in order.
func (f *fifo) all() []*outgoing {
	all := make([]*outgoing, 0, f.n)
	for f.n > 0 {
		all = append(all, f.shift())
	}
	return all
}
