package oracle

// Member is one client of a queue that begins before the first message.
type Member struct {
	name string
	got  []Note
}

// Member makes a member of queue called name.
func (o *Oracle) Member(queue, name string) *Member {
	m := &Member{name: name}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queues[queue] = append(o.queues[queue], m)
	return m
}

// Got says that the member was given a message.
func (m *Member) Got(n Note) { m.got = append(m.got, n) }

// Count is how many messages the member was given, again and again counted each time.
func (m *Member) Count() int { return len(m.got) }

// judgeQueue wants every acked message with one member at least, and what one member is given first of a key in its order.
func (o *Oracle) judgeQueue(queue string, members []*Member) {
	given := map[Note]bool{}
	for _, m := range members {
		mine := map[Note]bool{}
		next := map[series]int{}
		for _, n := range m.got {
			if o.sent[n] == nil {
				o.fault("queue %s: member %s got %v, which nobody sent", queue, m.name, n)
			}
			if !mine[n] && !given[n] && n.N < next[n.series()] {
				o.fault("queue %s: member %s got %v after number %d of its key", queue, m.name, n, next[n.series()]-1)
			}
			next[n.series()] = max(next[n.series()], n.N+1)
			mine[n] = true
		}
		for n := range mine {
			given[n] = true
		}
	}
	missing, example := 0, Note{}
	for n, f := range o.sent {
		if f.acked && !given[n] {
			missing, example = missing+1, n
		}
	}
	if missing > 0 {
		o.fault("queue %s: %d messages were given to nobody, such as %v", queue, missing, example)
	}
}
