package edge

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// Connections are the streams and sockets that are open on one server or on several. Its methods may be called from any goroutine.
type Connections struct {
	mu     sync.Mutex // guards what follows, and of each Connection what it says; nothing is waited for under it
	newest *Connection
	open   int
	last   int64 // when the newest of all times began
	looked time.Time
	bytes  int64 // that were written to all of all times, up to the last look
}

// NewConnections makes an empty list.
func NewConnections() *Connections { return &Connections{looked: time.Now()} }

// Show makes c the list of what s serves. It is called before the handler serves.
func (s *Server) Show(c *Connections) { s.room.connections = c }

// Connected is what is known of a Connection.
type Connected struct {
	ID       string
	Client   string // its address
	Agent    string // what it says of itself; empty: nothing
	Protocol Protocol
	HTTP     string // its version
	Since    time.Time
	Rate     float64 // messages a second in both directions, over the last seconds
	Bytes    int64   // that were written to it
	Uses     []Use

	holder Holder // nil while it is being opened
}

func (l *Connections) enter(c *Connection, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(l.last+1, now.UnixNano())
	c.began, c.older = l.last, l.newest
	if l.newest != nil {
		l.newest.newer = c
	}
	l.newest = c
	l.open++
}

func (l *Connections) leave(c *Connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, bytes := c.take()
	l.bytes += bytes
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		l.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	}
	c.newer, c.older, c.holder = nil, nil, nil
	l.open--
}

// hold notes who serves c, and reports whether it is to end.
func (l *Connections) hold(c *Connection, h Holder) (rotated bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.holder = h
	return c.rotated
}

// Bytes is how many bytes were written to all connections of all times. It is to be called once a second or so, since what passes is counted on then.
func (l *Connections) Bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look(time.Now())
	return l.bytes
}

// rateMemory is after how long what has passed counts for a third of what it did.
const rateMemory = 3 * time.Second

// look counts on by what has passed since the last look. The caller holds mu.
func (l *Connections) look(now time.Time) {
	past := now.Sub(l.looked).Seconds()
	if past <= 0 {
		return
	}
	l.looked = now
	left := math.Exp(-past / rateMemory.Seconds())
	for c := l.newest; c != nil; c = c.older {
		messages, bytes := c.take()
		if messages == 0 && bytes == 0 && c.rate == 0 {
			continue
		}
		c.bytes += bytes
		l.bytes += bytes
		c.rate = faded(float64(c.rate)*left + float64(messages)/past*(1-left))
	}
}

// faded is a rate, or nothing where it is less than a message in some minutes.
func faded(rate float64) float32 {
	const least = 0.01
	if rate < least {
		return 0
	}
	return float32(rate)
}

// List gives the newest of those that q is about, most at most, and how many of those there are. It is about all where it is empty; else about those where it stands in the address, the protocol, what the
// program says of itself, a topic or a queue, in capitals or not.
func (l *Connections) List(q string, most int) (list []Connected, total int) {
	if q == "" {
		list, total = l.first(most)
		for i := range list {
			list[i].look()
		}
		return list, total
	}
	q = strings.ToLower(q)
	all, _ := l.first(math.MaxInt)
	for _, c := range all {
		if c.look(); !c.names(q) {
			continue
		}
		if total++; total <= most {
			list = append(list, c)
		}
	}
	return list, total
}

// first gives the newest, most at most, without their uses, and how many there are in all.
func (l *Connections) first(most int) (list []Connected, open int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look(time.Now())
	list = make([]Connected, 0, min(most, l.open))
	for c := l.newest; c != nil && len(list) < most; c = c.older {
		list = append(list, Connected{
			ID:       c.id(),
			Client:   c.client,
			Agent:    c.agent.Value(),
			Protocol: c.protocol,
			HTTP:     c.http.String(),
			Since:    time.Unix(0, c.began),
			Rate:     float64(c.rate),
			Bytes:    c.bytes,
			holder:   c.holder,
		})
	}
	return list, l.open
}

// look asks what the client has opened.
func (c *Connected) look() {
	if c.holder != nil {
		c.Uses = c.holder.Uses()
	}
}

// names reports whether q, which has no capitals, stands in what is known of c.
func (c *Connected) names(q string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), q) }
	return has(c.Client) || has(c.Protocol.String()) || has(c.Agent) ||
		slices.ContainsFunc(c.Uses, func(u Use) bool { return has(string(u.Topic)) || has(string(u.Queue)) })
}

// Rotate ends the connection with this ID as one that may come back, and reports whether there is one. It does not wait for the end: what is being written is still written, as far as the client takes it.
func (l *Connections) Rotate(id string) bool {
	holder, found := l.rotate(id)
	if holder != nil {
		holder.Rotate()
	}
	return found
}

func (l *Connections) rotate(id string) (holder Holder, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := l.newest; c != nil; c = c.older {
		if c.id() == id {
			c.rotated = true
			return c.holder, true
		}
	}
	return nil, false
}
