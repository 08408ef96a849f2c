package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"culvert/tests/client"
	"culvert/tests/described"
	"culvert/tests/oracle"
)

// load is the clients that are at work in a trial. They come back whenever they are cut off, as good clients do.
type load struct {
	*trial
	crowd
	publishers []*publisher
	viewers    []*viewer
	group      *progress    // of all members together
	life       atomic.Int64 // of the node that the queue began in, where it lives and dies with one

	end      context.CancelFunc // of all clients
	stopping chan struct{}      // closed when publishers shall not go on
	writing  sync.WaitGroup
	reading  sync.WaitGroup
}

func newLoad(x *trial, c crowd) *load {
	l := &load{trial: x, crowd: c, group: newProgress(c), stopping: make(chan struct{}), end: func() {}}
	for i := range c.publishers {
		l.publishers = append(l.publishers, &publisher{load: l, number: i, pending: map[string]oracle.Note{}})
	}
	for i := range c.viewers {
		l.viewers = append(l.viewers, newViewer(l, fmt.Sprintf("viewer %d", i), i))
	}
	return l
}

// open starts all clients, and returns when every viewer and member is there and publishers have begun.
func (l *load) open() {
	life, end := context.WithCancel(context.Background())
	l.end = end
	var opening sync.WaitGroup
	for i, v := range l.viewers {
		opening.Add(1)
		l.reading.Go(func() { v.run(l.own(life, i), sync.OnceFunc(opening.Done)) }) // ends with life
	}
	for i := range l.members {
		opening.Add(1)
		m := &member{load: l, number: i, seen: l.oracle.Member(queue, fmt.Sprintf("member %d", i))}
		l.reading.Go(func() { m.run(l.own(life, len(l.viewers)+i), sync.OnceFunc(opening.Done)) }) // ends with life
	}
	opening.Wait()
	for _, p := range l.publishers {
		l.writing.Go(func() { p.run(life) }) // ends with stopping, or with life
	}
}

// own is the life of one client. Where they do not go to the first node themselves, each has an address of its own, as clients of different people have.
func (l *load) own(life context.Context, number int) context.Context {
	if l.door == nil {
		return life
	}
	return client.From(life, fmt.Sprintf("127.0.%d.%d", 1+number/200, 1+number%200))
}

// finish stops the publishers, injects a last message of each key, and waits until everyone has seen it, and with it, since keys have an order, all before it; and until members hold nothing of strangers' keys any more, and the queue has nothing left.
func (l *load) finish() {
	l.Helper()
	close(l.stopping)
	l.writing.Wait()
	ends := l.injectEnds()
	var lacking string
	if !l.until(recovery, func() bool {
		lacking = ""
		for _, v := range l.viewers {
			if missing := v.progress.lacks(ends); missing > 0 {
				lacking += fmt.Sprintf("; %s lacks the end of %d keys", v.name, missing)
			}
		}
		if missing := l.group.lacks(ends); l.members > 0 && missing > 0 {
			lacking += fmt.Sprintf("; the queue lacks the end of %d keys", missing)
		}
		if held, lag := l.unsettled(); held > 0 || lag > 0 {
			lacking += fmt.Sprintf("; members still hold %d messages, of the queue %d are not settled", held, lag)
		}
		return lacking == ""
	}) {
		l.Errorf("the end has not come%s", lacking)
	}
	l.close()
	l.readLetters()
}

// close ends all clients. It may be called more than once.
func (l *load) close() {
	l.end()
	l.writing.Wait()
	l.reading.Wait()
}

// injectEnds injects a last message of each key, again and again with a number of its own until it is acked, and gives those numbers.
func (l *load) injectEnds() map[string]int {
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	ends := map[string]int{}
	try := 0
	if !l.until(recovery, func() bool {
		var notes []oracle.Note
		for k := range l.keys {
			if _, acked := ends[l.key(k)]; !acked {
				notes = append(notes, oracle.Note{Publisher: l.crowd.publishers, Key: l.key(k), N: try})
			}
		}
		try++
		for n, acked := range l.post(ctx, notes) {
			if acked {
				ends[n.Key] = n.N
			}
		}
		return len(ends) == l.keys
	}) {
		l.Errorf("the last message was acked for %d of %d keys", len(ends), l.keys)
	}
	return ends
}

// readLetters tells the oracle of all dead letters.
func (l *load) readLetters() {
	if l.members == 0 {
		return
	}
	letters := l.letters()
	for _, n := range letters {
		l.oracle.Lettered(queue, n)
	}
	l.step("%d dead letters", len(letters))
}

// key is the name of a key.
func (c crowd) key(k int) string {
	name := fmt.Sprintf("key-%d", k)
	if c.suffix != nil {
		name += c.suffix(name)
	}
	return name
}

// index is the how-manieth of its publisher's messages n is, from 0.
func (c crowd) index(n oracle.Note) int {
	var k int
	fmt.Sscanf(n.Key, "key-%d", &k)
	return n.N*c.keys + k
}

// sent is how many messages each publisher has sent so far.
func (l *load) sent() []int {
	marks := make([]int, len(l.publishers))
	for i, p := range l.publishers {
		marks[i] = int(p.next.Load())
	}
	return marks
}

// behind says who has not come past marks.
func (l *load) behind(marks []int) (behind []string) {
	for i, p := range l.publishers {
		if acked := int(p.acked.Load()); acked <= marks[i] {
			behind = append(behind, fmt.Sprintf("publisher %d was acked %d of %d", i, acked, marks[i]))
		}
	}
	return append(behind, l.unseen(marks)...)
}

// unseen says which of those who read have not come past marks.
func (l *load) unseen(marks []int) (behind []string) {
	for _, v := range l.viewers {
		if missing := v.progress.behind(marks); missing != "" {
			behind = append(behind, v.name+missing)
		}
	}
	if missing := l.group.behind(marks); l.members > 0 && missing != "" {
		behind = append(behind, "the queue"+missing)
	}
	return behind
}

// parted looks at how a client was refused or cut off, and complains where it was told not to come back. It waits a little, as clients shall.
func (l *load) parted(ctx context.Context, who string, err error) {
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, described.ErrUndescribed) {
		l.Errorf("%s: %v", who, err)
	}
	var refusal *client.StatusError
	if errors.As(err, &refusal) && refusal.Status < 500 && refusal.Status != http.StatusTooManyRequests && !unknownStream(refusal) {
		l.Errorf("%s was refused for good: %v", who, err)
	}
	if code := websocket.CloseStatus(err); code >= 4500 {
		l.Errorf("%s was sent away for good: %v", who, err)
	}
	if said := err.Error(); strings.Contains(said, "internal") || strings.Contains(said, `"reconnect":false`) { // in a status, a close code or a bye
		l.Errorf("%s was told of a defect, or not to come back: %v", who, err)
	}
	select {
	case <-time.After(50*time.Millisecond + rand.N(200*time.Millisecond)):
	case <-ctx.Done():
	}
}

// unknownStream reports whether what was to be settled was a stream's that has ended, or that another bridge has. Its member joins anew.
func unknownStream(refusal *client.StatusError) bool {
	return refusal.Status == http.StatusNotFound && strings.Contains(string(refusal.Body), `"unknown-stream"`)
}
