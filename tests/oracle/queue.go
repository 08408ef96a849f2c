package oracle

import (
	"slices"
	"sort"
)

// Member is one client of a queue that begins before the first message.
type Member struct {
	name    string
	queue   string
	oracle  *Oracle
	at      string // who gives it messages, see Joined
	asked   int64  // the turn at which it asked that to let it in
	got     []given
	settled []Note
	holes   []hole
}

// given is a message at a member, with its turn.
type given struct {
	Note
	turn int64
}

// Member makes a member of queue called name.
func (o *Oracle) Member(queue, name string) *Member {
	m := &Member{name: name, queue: queue, oracle: o}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queues[queue] = append(o.queues[queue], m)
	return m
}

// Turn is now, by the order in which members tell of what they are given and of what is taken as settled.
func (o *Oracle) Turn() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.turn
}

// Joined says who gives the member messages from now on: one life of one bridge, which it asked at that turn to let it in. What that has taken as settled it may not give again. Without it, it may: a broker that dies, or is
// cut off, may not have heard.
func (m *Member) Joined(at string, asked int64) { m.at, m.asked = at, asked }

// Got says that the member was given a message, and not told which attempt at it that is.
func (m *Member) Got(n Note) { m.Tried(n, 0) }

// Tried says that the member was given a message, at an attempt that is counted from 1.
func (m *Member) Tried(n Note, attempt int) {
	o := m.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turn++
	m.got = append(m.got, given{n, o.turn})
	if m.at == "" {
		return
	}
	if t := o.triesOf(m, n); t.may(m.asked, attempt) {
		t.read(attempt)
	} else {
		o.fault("queue %s: member %s got %v again, at attempt %d, from a bridge that had taken it as settled at attempt %d", m.queue, m.name, n, attempt, t.settled)
	}
}

// Settled says that the member is done with a message and has said so, whether or not it was answered. A queue in which anybody says so is judged by it: what was
// only given is then not enough.
func (m *Member) Settled(n Note) { m.settled = append(m.settled, n) }

// Closed says that whoever the member has joined has answered that a message is settled, which was given at this attempt; 0 where that is not known.
func (m *Member) Closed(n Note, attempt int) {
	if m.at == "" {
		return
	}
	o := m.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turn++
	t := o.triesOf(m, n)
	t.closed, t.settled = o.turn, attempt
}

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

// judgeQueue wants every acked message settled by one member at least, or among the dead letters, or behind a gap that members were told of where it was to be; and what is given for the first
// time in its key's order, whoever it is given to.
func (o *Oracle) judgeQueue(queue string, members []*Member) {
	over := map[Note]bool{}
	for _, m := range members {
		for _, n := range m.settled {
			over[n] = true
		}
	}
	first := o.judgeOrder(queue, members)
	judgedBySettling := len(over) > 0
	missing := map[Note]bool{}
	for n, f := range o.sent {
		if f.acked && !o.excused[queue][n] && (judgedBySettling && !over[n] || !first[n]) {
			missing[n] = true
		}
	}
	silent, ungiven, announced, example := 0, 0, int64(0), Note{}
	told := tales(members, missing, o.early)
	for n := range missing {
		if !o.sent[n].kept && told.cover(n) {
			announced++
		} else {
			silent, example = silent+1, n
			if !first[n] {
				ungiven++
			}
		}
	}
	if silent > 0 && judgedBySettling {
		o.fault("queue %s: %d messages were neither settled nor dead-lettered, and %d of them given to nobody, such as %v", queue, silent, ungiven, example)
	} else if silent > 0 {
		o.fault("queue %s: %d messages were given to nobody, such as %v", queue, silent, example)
	}
	if lost, known := lost(members); known && announced > lost {
		o.fault("queue %s: %d messages were not settled; gaps told of %d", queue, announced, lost)
	}
}

// judgeOrder wants what is given for the first time to be given in the order of its key, whoever it is given to: a member has one that is unsettled to itself, and others have to wait for it. It returns what was given at all.
func (o *Oracle) judgeOrder(queue string, members []*Member) (first map[Note]bool) {
	type gift struct {
		given
		to string
	}
	var all []gift
	for _, m := range members {
		for _, g := range m.got {
			all = append(all, gift{g, m.name})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].turn < all[j].turn })
	type line struct {
		series
		member string
	}
	broke := slices.ContainsFunc(members, func(m *Member) bool { return m.told() > 0 })
	first = map[Note]bool{}
	next := map[line]int{}
	for _, g := range all {
		f, of := o.sent[g.Note], line{series: g.series()}
		if !o.prompt || o.remade || broke { // a member may still be given what is left of the old topic, or of the queue before it was lost, when another one has some of the new
			of.member = g.to
		}
		switch {
		case f == nil:
			o.fault("queue %s: member %s got %v, which nobody sent", queue, g.to, g.Note)
		case !first[g.Note] && f.acked && g.N < next[of]: // what was not acked may come whenever it likes
			o.fault("queue %s: member %s was the first to get %v, after number %d of its key", queue, g.to, g.Note, next[of]-1)
		}
		next[of] = max(next[of], g.N+1)
		first[g.Note] = true
	}
	return first
}
