package oracle

// Member is one client of a queue that begins before the first message.
type Member struct {
	name    string
	got     []Note
	settled []Note
	holes   []hole
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

// Settled says that the member is done with a message and has said so, whether or not it was answered. A queue in which anybody says so is judged by it: what was
// only given is then not enough.
func (m *Member) Settled(n Note) { m.settled = append(m.settled, n) }

// Count is how many messages the member was given, again and again counted each time.
func (m *Member) Count() int { return len(m.got) }

// Lettered says that a message was found among the dead letters of a queue.
func (o *Oracle) Lettered(queue string, n Note) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.excuse(queue, n)
}

// Forgotten says that a queue is gone with all it held, as it is when the memory that it was in is: what was sent so far is not asked for.
func (o *Oracle) Forgotten(queue string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n := range o.sent {
		o.excuse(queue, n)
	}
}

// excuse asks no member for n. The caller holds the mutex.
func (o *Oracle) excuse(queue string, n Note) {
	if o.excused[queue] == nil {
		o.excused[queue] = map[Note]bool{}
	}
	o.excused[queue][n] = true
}

// judgeQueue wants every acked message settled by one member at least, or among the dead letters, or behind a gap that members were told of where it was to be; and what a member is the first to
// be given of a key in its order.
func (o *Oracle) judgeQueue(queue string, members []*Member) {
	given, over := map[Note]int{}, map[Note]bool{}
	for _, m := range members {
		mine := map[Note]bool{}
		for _, n := range m.got {
			if !mine[n] {
				mine[n] = true
				given[n]++
			}
		}
		for _, n := range m.settled {
			over[n] = true
		}
	}
	for _, m := range members {
		o.judgeMember(queue, m, given)
	}
	judgedBySettling := len(over) > 0
	missing := map[Note]bool{}
	for n, f := range o.sent {
		if f.acked && !o.excused[queue][n] && (judgedBySettling && !over[n] || given[n] == 0) {
			missing[n] = true
		}
	}
	silent, announced, example := 0, int64(0), Note{}
	told := tales(members, missing)
	for n := range missing {
		if !o.sent[n].kept && told.cover(n) {
			announced++
		} else {
			silent, example = silent+1, n
		}
	}
	if silent > 0 && judgedBySettling {
		o.fault("queue %s: %d messages were neither settled nor dead-lettered, such as %v", queue, silent, example)
	} else if silent > 0 {
		o.fault("queue %s: %d messages were given to nobody, such as %v", queue, silent, example)
	}
	if lost, known := lost(members); known && announced > lost {
		o.fault("queue %s: %d messages were not settled; gaps told of %d", queue, announced, lost)
	}
}

// judgeMember wants the messages that nobody but m was given in the order of their key, when m is given them first. given counts the members that were given each message.
func (o *Oracle) judgeMember(queue string, m *Member, given map[Note]int) {
	mine := map[Note]bool{}
	next := map[series]int{}
	for _, n := range m.got {
		f := o.sent[n]
		switch {
		case f == nil:
			o.fault("queue %s: member %s got %v, which nobody sent", queue, m.name, n)
		case !mine[n] && given[n] == 1 && f.acked && n.N < next[n.series()]: // what was not acked may come whenever it likes
			o.fault("queue %s: member %s got %v after number %d of its key", queue, m.name, n, next[n.series()]-1)
		}
		next[n.series()] = max(next[n.series()], n.N+1)
		mine[n] = true
	}
}
