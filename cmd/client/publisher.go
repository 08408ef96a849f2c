package client

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/time/rate"
)

// Publishing says how messages are published.
type Publishing struct {
	// Window is how many messages may be without an outcome. One in order to keep a key's order through every trouble.
	Window int
	// WindowBytes is how much memory they may take; a larger one goes alone.
	WindowBytes int
	// Rate is how many messages are read in a second; 0: as many as can be.
	Rate float64
	// Timeout is how long the bridge may answer nothing, while it has something to answer, before its connection is taken for dead.
	Timeout time.Duration
	// RetryFor is how long what may pass is tried again: a message that is refused for now, a bridge that cannot be reached.
	RetryFor time.Duration
	// Grace is how long messages on their way are waited for after the end was asked for.
	Grace time.Duration
	// Failed is told each message that was not confirmed, and why. It is called one at a time.
	Failed func(where string, err error)
	// Trouble is told why nothing moves, and after which time the next try is made.
	Trouble func(err error, wait time.Duration)
}

// DefaultPublishing keeps a bridge busy with its own default window.
func DefaultPublishing() Publishing {
	return Publishing{Window: 1000, WindowBytes: 16 << 20, Timeout: 30 * time.Second, RetryFor: time.Minute, Grace: 5 * time.Second}
}

// Publisher injects messages over one WebSocket, at least once: what has no outcome when the connection breaks is sent again on the next one, in
// the order in which it was read.
type Publisher struct {
	api    *API
	cfg    Publishing
	window *window
	single bool // a WebSocket message holds one frame
}

// NewPublisher makes a Publisher. It does not connect.
func (a *API) NewPublisher(cfg Publishing) *Publisher {
	calls := make(chan struct{}, 1)
	failed := cfg.Failed
	cfg.Failed = func(where string, err error) {
		calls <- struct{}{}
		defer func() { <-calls }()
		failed(where, err)
	}
	return &Publisher{api: a, cfg: cfg, window: newWindow(cfg.Window, cfg.WindowBytes, cfg.RetryFor, cfg.Failed)}
}

// Report is what became of the messages so far. It may be called at any time.
func (p *Publisher) Report() Report { return p.window.counts() }

var errUnanswered = errors.New("not confirmed: it was given up before the bridge answered, and may be in the broker or not")

// Run publishes what next gives until that says io.EOF, or ctx ends, and all has its outcome. Next is called from a goroutine of its own, which ends when next returns and Run has:
// next may block for good on a terminal. An error of Run says why not all could be tried: that of next, no bridge at the very first try (*Unreachable), a bridge
// that sends the client away for good (*Problem), or one that was away for longer than RetryFor. What failed by itself is no error of Run's, but counted. It is called once.
func (p *Publisher) Run(ctx context.Context, next func() (Message, error)) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	reading, read := context.WithCancel(ctx)
	defer read()
	// Ends with its timer, or with Run.
	defer context.AfterFunc(ctx, func() {
		p.window.close()
		sleep(work, p.cfg.Grace)
		stop(errUnanswered)
	})()

	met := make(chan struct{})
	unread := make(chan error, 1)
	// Ends when next or the window says so, which it does at the latest when Run returns.
	go func() {
		defer p.window.close()
		select {
		case <-met:
			unread <- p.read(reading, next)
		case <-reading.Done():
			unread <- nil
		}
	}()
	err := p.connected(work, met)
	if work.Err() != nil {
		err = nil // it was asked for
	}
	given := err
	if given == nil {
		given = errUnanswered
	}
	p.window.abandon(given)
	if err != nil || ctx.Err() != nil {
		return err
	}
	return <-unread
}

// read puts what next gives into the window.
func (p *Publisher) read(ctx context.Context, next func() (Message, error)) error {
	pace := newPace(p.cfg.Rate)
	for {
		m, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return nil
		case m.Err != nil:
			p.window.reject(&m)
			continue
		}
		if pace.Wait(ctx) != nil || !p.window.put(ctx, &m) { // one ends as the other does: with ctx
			return nil
		}
	}
}

// grain is how far ahead of its time a message may go, since timers are coarser than fast paces are.
const grain = 10 * time.Millisecond

// newPace spreads so many messages over each second; 0: it never waits.
func newPace(perSecond float64) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond*grain.Seconds())))
}

// connected keeps a connection until the window is drained; then it is nil. It closes met when a bridge has answered for the first time.
func (p *Publisher) connected(ctx context.Context, met chan struct{}) error {
	patience := newPatience()
	var since time.Time // of the trouble
	before := p.Report()
	for first := true; ; first = false {
		begun := time.Now()
		err := p.session(ctx, met)
		p.window.broken()
		select {
		case <-p.window.drained:
			return nil
		default:
		}
		if errors.Is(err, errAnew) && ctx.Err() == nil {
			continue // there is one message less, or one in a frame: this ends
		}
		unmet := first && errors.As(err, new(*Unreachable))
		if ctx.Err() != nil || !passing(err) || unmet {
			return err
		}
		// A connection that stood for a while is a sign that the last trouble is over, though there may have been nothing to confirm.
		stood := !errors.As(err, new(*Unreachable)) && time.Since(begun) > p.cfg.Timeout
		if now := p.Report(); since.IsZero() || stood || now.Confirmed != before.Confirmed {
			before = now
			since = time.Now()
			patience.reset()
		}
		if time.Since(since) >= p.cfg.RetryFor {
			return err
		}
		wait := patience.after(err)
		p.cfg.Trouble(err, wait)
		sleep(ctx, wait)
	}
}
