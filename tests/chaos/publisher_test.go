package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// publisher injects messages at a steady pace, over a WebSocket or by POST.
type publisher struct {
	*load
	number int
	next   atomic.Int64 // how many were sent
	acked  atomic.Int64 // how many were sent up to the last one that was acked

	mu      sync.Mutex // guards pending
	pending map[string]oracle.Note
}

// every is how often a publisher sends what is due.
func (c crowd) every() time.Duration {
	if c.beat > 0 {
		return c.beat
	}
	return 50 * time.Millisecond
}

// window is how many messages a publisher leaves unanswered.
const window = 100

func (p *publisher) run(ctx context.Context) {
	session := p.overWS
	if p.number%3 == 2 {
		session = p.overHTTP
	}
	for ctx.Err() == nil {
		err := session(ctx)
		if err == nil {
			return
		}
		p.parted(ctx, fmt.Sprintf("publisher %d", p.number), err)
	}
}

// take is the next message.
func (p *publisher) take() oracle.Note {
	i := int(p.next.Add(1)) - 1
	return oracle.Note{Publisher: p.number, Key: p.key(i % p.keys), N: i / p.keys}
}

// due is how many messages are to be sent each beat.
func (p *publisher) due() int { return max(1, p.rate*int(p.every()/time.Millisecond)/1000) }

func (p *publisher) answered(n oracle.Note, acked bool) {
	p.oracle.Answered(n, acked)
	if acked {
		p.acked.Store(max(p.acked.Load(), int64(p.index(n)+1)))
	}
}

// overWS injects over one socket until that breaks, or until it shall stop and all is answered.
func (p *publisher) overWS(ctx context.Context) error {
	ws, err := client.OpenWS(ctx, p.injectURL()+"/v1/ws", "culvert.v1.json")
	if err != nil {
		return err
	}
	broken := make(chan error, 1)
	var hearing sync.WaitGroup
	hearing.Go(func() { broken <- p.hear(ctx, ws) }) // ends with the socket
	defer func() {
		ws.Close()
		hearing.Wait()
		p.forget()
	}()
	tick := time.NewTicker(p.every())
	defer tick.Stop()
	stopping := p.stopping
	for {
		select {
		case err := <-broken:
			return err
		case <-stopping:
			stopping = nil
		case <-tick.C:
			if stopping == nil && p.waiting() == 0 {
				return nil
			}
			for i := 0; stopping != nil && i < p.due() && p.waiting() < window; i++ {
				if err := p.send(ctx, ws); err != nil {
					return err
				}
			}
		}
	}
}

func (p *publisher) send(ctx context.Context, ws *client.WS) error {
	n := p.take()
	p.oracle.Sent(n)
	id, text := n.String(), n.String()
	p.mu.Lock()
	p.pending[id] = n
	p.mu.Unlock()
	return ws.Send(ctx, client.Frame{Op: "pub", ID: id, Topic: p.name, Key: n.Key, Text: &text})
}

func (p *publisher) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending)
}

// hear takes the answers on a socket until it breaks.
func (p *publisher) hear(ctx context.Context, ws *client.WS) error {
	for {
		f, err := ws.Next(ctx)
		if err != nil {
			return err
		}
		p.mu.Lock()
		n, known := p.pending[f.ID]
		delete(p.pending, f.ID)
		p.mu.Unlock()
		switch {
		case f.Op == "bye":
			return fmt.Errorf("bye: %s", f.Reason)
		case !known:
			p.Errorf("publisher %d: an answer to nothing: %+v", p.number, f)
		case f.Op == "ack":
			p.answered(n, true)
		case f.Op == "err":
			p.refuse(f.Code, f.Detail, f.Retryable)
			p.answered(n, false)
		default:
			p.Errorf("publisher %d was told %+v", p.number, f)
		}
	}
}

// forget gives up what was not answered on a socket that broke.
func (p *publisher) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.pending {
		p.oracle.Unknown(n)
	}
	clear(p.pending)
}

// overHTTP injects batches by POST until it shall stop.
func (p *publisher) overHTTP(ctx context.Context) error {
	tick := time.NewTicker(p.every())
	defer tick.Stop()
	for {
		select {
		case <-p.stopping:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var notes []oracle.Note
		for range p.due() {
			notes = append(notes, p.take())
		}
		acked := false
		for n, ok := range p.post(ctx, notes) {
			if ok {
				p.acked.Store(max(p.acked.Load(), int64(p.index(n)+1)))
				acked = true
			}
		}
		if !acked {
			return errors.New("nothing of a batch was acked")
		}
	}
}

// post injects a batch, and gives what became of each message: true for acked.
func (l *load) post(ctx context.Context, notes []oracle.Note) map[oracle.Note]bool {
	fates := map[oracle.Note]bool{}
	var batch struct {
		Messages []client.Frame `json:"messages"`
	}
	for _, n := range notes {
		l.oracle.Sent(n)
		fates[n] = false
		text := payload(n)
		batch.Messages = append(batch.Messages, client.Frame{Op: "pub", Key: n.Key, Text: &text})
	}
	body, err := json.Marshal(batch)
	if err != nil {
		l.Errorf("a batch: %v", err)
		return fates
	}
	var answer struct {
		Results []client.Frame `json:"results"`
	}
	err = client.Post(ctx, l.injectURL()+"/v1/topics/"+l.name+"/messages", "application/vnd.culvert.batch+json", body, &answer)
	var refusal *client.StatusError
	switch {
	case errors.As(err, &refusal):
		l.refusedBatch(refusal, notes)
	case err == nil && len(answer.Results) != len(notes):
		l.Errorf("a batch of %d messages got %d answers", len(notes), len(answer.Results))
	case err != nil:
		for _, n := range notes {
			l.oracle.Unknown(n)
		}
	default:
		for i, f := range answer.Results {
			fates[notes[i]] = f.Op == "ack"
			l.oracle.Answered(notes[i], f.Op == "ack")
			if f.Op != "ack" {
				l.refuse(f.Code, f.Detail, f.Retryable)
			}
		}
	}
	return fates
}

func (l *load) refusedBatch(refusal *client.StatusError, notes []oracle.Note) {
	var problem struct {
		Code      string `json:"code"`
		Detail    string `json:"detail"`
		Retryable bool   `json:"retryable"`
	}
	if err := json.Unmarshal(refusal.Body, &problem); err != nil {
		// Not the bridge's own words, but those of a proxy before it.
		problem.Code, problem.Detail, problem.Retryable = fmt.Sprint(refusal.Status), string(refusal.Body), refusal.Status >= 500
	}
	for _, n := range notes {
		l.refuse(problem.Code, problem.Detail, problem.Retryable)
		l.oracle.Answered(n, false)
	}
}
