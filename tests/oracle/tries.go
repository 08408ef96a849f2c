package oracle

// giver is a message of a queue at one who gives the queue's messages.
type giver struct {
	queue, at string
	note      Note
}

// tries are the attempts at one message by one who gives it. They are counted anew only when all members were away, for so long that the bridge let go of the queue.
type tries struct {
	seen    uint64 // a bit for each attempt that a member has told of
	closed  int64  // the turn at which the message was known to be settled, 0 where it was not
	settled int    // the attempt at which it was; 0 where that is not known
}

// mostTries is how many attempts are told apart. Nobody tries a message nearly as often.
const mostTries = 63

// triesOf finds the tries of a message for a member. The caller holds the mutex.
func (o *Oracle) triesOf(m *Member, n Note) *tries {
	g := giver{m.queue, m.at, n}
	t := o.tries[g]
	if t == nil {
		t = &tries{}
		o.tries[g] = t
	}
	return t
}

// may reports whether a member that had asked at that turn to be let in may tell of an attempt now. Of a message that is settled it may where it reads late: its lease has ended, others were given the message and have settled
// it, and only now it reads what it was sent before that. So it had asked before the message was settled, and the attempt is an earlier one, of which nobody has told.
func (t *tries) may(asked int64, attempt int) bool {
	switch {
	case t.closed == 0:
		return true
	case asked >= t.closed:
		return false
	}
	return attempt == 0 || t.settled == 0 || attempt < t.settled && t.seen&bit(attempt) == 0
}

// read notes that a member has told of an attempt.
func (t *tries) read(attempt int) { t.seen |= bit(attempt) }

// bit is none where the attempt is not known.
func bit(attempt int) uint64 {
	if attempt == 0 {
		return 0
	}
	return 1 << min(attempt, mostTries)
}
