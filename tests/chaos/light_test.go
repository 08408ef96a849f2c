package chaos

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// mass are viewers by the thousand, over SSE and WebSockets, which come back with their cursors whenever they are cut off. They look at no more of what they are
// shown than what tells whether it is each message once, by counting.
type mass struct {
	*load
	all     []*light
	end     context.CancelFunc
	running sync.WaitGroup
	ready   atomic.Int64 // how often one of them was let in
	waits   atomic.Int64 // how often one of them was told to come back later
}

// light is one of them. A publisher's messages of a key have numbers without a hole.
type light struct {
	*mass
	number int
	conn   atomic.Pointer[bare]

	mu      sync.Mutex // guards what follows
	place   string
	waiting []oracle.Note // what came behind place: it counts when the next cursor comes
	next    [][]int       // by publisher and key: the number that is due; 0 before the first
	fault   string        // the first thing that was wrong
}

// gather opens n of them, and returns when each is shown what all publishers send of all keys.
func gather(l *load, n int) *mass {
	life, end := context.WithCancel(context.Background())
	m := &mass{load: l, end: end}
	l.Cleanup(m.close)
	for i := range n {
		v := &light{mass: m, number: i, next: make([][]int, l.crowd.publishers)}
		for p := range v.next {
			v.next[p] = make([]int, l.keys)
		}
		m.all = append(m.all, v)
	}
	const together = 200
	turns := make(chan struct{}, together)
	for _, v := range m.all {
		turns <- struct{}{}
		m.running.Go(func() { v.run(life, sync.OnceFunc(func() { <-turns })) }) // ends with life
	}
	if !l.until(recovery, func() bool { return m.count((*light).begun) == n }) {
		l.Fatalf("%d of %d viewers have begun", m.count((*light).begun), n)
	}
	return m
}

// cut resets all their connections.
func (m *mass) cut() {
	for _, v := range m.all {
		if conn := v.conn.Load(); conn != nil {
			conn.reset()
		}
	}
}

func (m *mass) close() {
	m.end()
	m.running.Wait()
}

func (m *mass) count(has func(*light) bool) (n int) {
	for _, v := range m.all {
		v.mu.Lock()
		if has(v) {
			n++
		}
		v.mu.Unlock()
	}
	return n
}

// behind says how many have not come past marks.
func (m *mass) behind(marks []int) string {
	n := m.count(func(v *light) bool { return !v.past(marks) })
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d other viewers", n, len(m.all))
}

// goOn is that of the trial, and wants all of the mass to go on besides.
func (m *mass) goOn(when string) time.Duration {
	m.Helper()
	since, marks := time.Now(), m.sent()
	m.trial.goOn(when)
	if !m.until(recovery, func() bool { return m.behind(marks) == "" }) {
		m.Fatalf("%s, after %s these have not gone on: %s", when, recovery, m.behind(marks))
	}
	return time.Since(since)
}

// judge wants everyone to come to all that was sent, and each message once.
func (m *mass) judge() {
	m.Helper()
	marks := m.sent()
	for i := range marks {
		marks[i]-- // the last one itself
	}
	if !m.until(recovery, func() bool { return m.behind(marks) == "" }) {
		m.Errorf("%s have not come to the end", m.behind(marks))
	}
	wrong := 0
	for _, v := range m.all {
		v.mu.Lock()
		if v.fault != "" {
			if wrong++; wrong <= 10 {
				m.Errorf("one of %d viewers, number %d: %s", len(m.all), v.number, v.fault)
			}
		}
		v.mu.Unlock()
	}
	if wrong > 0 {
		m.Errorf("%d of %d viewers did not see each message once", wrong, len(m.all))
	}
}

func (v *light) run(ctx context.Context, opened func()) {
	session := v.overSSE
	if v.number%2 == 1 {
		session = v.overWS
	}
	defer opened()
	for ctx.Err() == nil {
		err := v.session(ctx, opened, session)
		v.mu.Lock()
		v.waiting = v.waiting[:0]
		v.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		if strings.Contains(err.Error(), " 4") {
			v.Errorf("one of many viewers was refused: %v", err)
		}
		select {
		case <-time.After(rand.N(time.Second)):
		case <-ctx.Done():
		}
	}
}

func (v *light) session(ctx context.Context, opened func(), speak func(*bare, func()) error) error {
	conn, err := dial(ctx, v.url())
	if err != nil {
		return err
	}
	defer conn.reset()
	defer context.AfterFunc(ctx, conn.reset)()
	v.conn.Store(conn)
	return speak(conn, opened)
}

func (v *light) overSSE(conn *bare, opened func()) error {
	var resume []string
	if place := v.at(); place != "" {
		resume = []string{"Last-Event-ID: " + place}
	}
	if err := conn.stream("/v1/topics/"+v.name+"/events", "text/event-stream", resume...); err != nil {
		return err
	}
	kind, id, data := "", "", ""
	for {
		line, err := conn.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		name, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		switch string(name) {
		case "event":
			kind = string(value)
		case "id":
			id = string(value)
		case "data":
			data = string(value)
		case "":
			if kind == "" && data != "" {
				kind = "msg"
			}
			if err := v.told(kind, id, data, opened); err != nil {
				return err
			}
			kind, id, data = "", "", ""
		}
	}
}

func (v *light) overWS(conn *bare, opened func()) error {
	if err := conn.upgrade("/v1/ws?batch=1", "culvert.v1.json"); err != nil {
		return err
	}
	from := ""
	if place := v.at(); place != "" {
		from = `,"from":"` + place + `"`
	}
	if err := conn.say(frame(wsFinal|wsText, `{"op":"sub","id":"1","sub":"s","topic":"`+v.name+`"`+from+`}`)); err != nil {
		return err
	}
	var buf []byte
	for {
		var err error
		if buf, err = conn.message(buf); err != nil {
			return err
		}
		for line := range bytes.Lines(buf) {
			text := string(line)
			if err := v.told(field(text, `"op":"`), field(text, `"cursor":"`), field(text, `"text":"`), opened); err != nil {
				return err
			}
		}
	}
}

// field is what stands behind name in a frame, up to the next quote.
func field(frame, name string) string {
	_, rest, _ := strings.Cut(frame, name)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func (v *light) at() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.place
}

// told takes an event.
func (v *light) told(kind, cursor, text string, opened func()) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch kind {
	case "msg":
		n, err := oracle.ParseNote(text)
		if err != nil {
			return err
		}
		v.waiting = append(v.waiting, n)
	case "ready":
		v.ready.Add(1)
		opened()
	case "mark", "":
	case "gap":
		v.wrong("it was told of a gap: " + text)
	default:
		v.waits.Add(1)
		return fmt.Errorf("%s: %s", kind, text)
	}
	if cursor != "" {
		v.place = cursor
		for _, n := range v.waiting {
			v.saw(n)
		}
		v.waiting = v.waiting[:0]
	}
	return nil
}

// saw counts a message. The caller holds mu.
func (v *light) saw(n oracle.Note) {
	if n.Publisher >= v.crowd.publishers {
		return // an end of a key, of which there may be several tries
	}
	k, err := strconv.Atoi(strings.TrimPrefix(n.Key, "key-"))
	if err != nil || k >= v.keys {
		v.wrong(fmt.Sprintf("%v was never sent", n))
		return
	}
	due := &v.next[n.Publisher][k]
	if *due > 0 && n.N != *due {
		v.wrong(fmt.Sprintf("it was shown %v when number %d was due", n, *due))
	}
	*due = max(*due, n.N+1)
}

// wrong notes what is wrong. The caller holds mu.
func (v *light) wrong(what string) {
	if v.fault == "" {
		v.fault = what
	}
}

// begun reports whether the viewer has seen something of everything. The caller holds mu.
func (v *light) begun() bool {
	for _, keys := range v.next {
		for _, due := range keys {
			if due == 0 {
				return false
			}
		}
	}
	return true
}

// past reports whether the viewer has come past marks. The caller holds mu.
func (v *light) past(marks []int) bool {
	for p, mark := range marks {
		if k := mark % v.keys; mark >= 0 && v.next[p][k] <= mark/v.keys {
			return false
		}
	}
	return true
}

// series is the value of a series of a bridge.
func (n *node) series(name string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	metrics, err := client.Text(ctx, n.bridge.Admin+"/metrics")
	if err != nil {
		return 0, err
	}
	return number(metrics, name+" ")
}
