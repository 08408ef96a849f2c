package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Following is what Follow reads.
type Following struct {
	// Topics are names or patterns; of a queue there is one.
	Topics []string
	// Queue is joined where it is not empty, or looked into with Peek, which takes nothing from it and is a view from its place on.
	Queue string
	Peek  bool
	// Query holds what the stream is asked for besides, under the names of PROTOCOL §2.
	Query url.Values
	// Limit ends it after so many messages; 0: it has no end.
	Limit int64
	// Manual is of a member that settles by itself, each message when it has been shown.
	Manual bool
}

// Audience is told what comes. Its functions are called one at a time. An error of Frame or Pause ends the following with it.
type Audience struct {
	// Frame is given each message and each gap.
	Frame func(*Frame) error
	// Pause is called when nothing more has come: what was shown should be out by its return. Messages are settled after it.
	Pause func() error
	// Trouble is told why nothing comes, and after which time the next try is made. What could not be settled is told with none.
	Trouble func(err error, wait time.Duration)
}

// Follow reads a topic, several or a queue until the bridge says that the end is reached, the limit is, or ctx ends: then its error is nil. When the connection breaks, or the
// bridge sends it away, it comes back by itself: a view where it was, telling no message twice. It gives up where trouble stays,
// with the *Problem, and where no bridge answers at the very first try, with an *Unreachable.
func (a *API) Follow(ctx context.Context, f Following, audience Audience) error {
	w := &walk{api: a, following: f, audience: audience, query: maps.Clone(f.Query), seen: seen{}, patience: newPatience()}
	if w.query == nil {
		w.query = url.Values{}
	}
	if f.Peek {
		w.query.Set("mode", "peek")
	}
	for {
		err := w.once(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case !passing(err) || !w.met && errors.As(err, new(*Unreachable)):
			return err
		}
		w.met = true
		wait := w.patience.after(err)
		audience.Trouble(err, wait)
		sleep(ctx, wait)
	}
}

// joins reports whether it makes a member of a queue; else it is a view.
func (f Following) joins() bool { return f.Queue != "" && !f.Peek }

// walk is one following, over all its connections.
type walk struct {
	api       *API
	following Following
	audience  Audience

	query    url.Values
	met      bool   // a bridge has answered
	cursor   string // all before it was shown
	seen     seen
	shown    int64 // messages
	atCursor int64 // how many were shown when the cursor came
	patience *patience

	receipt string // the last that was shown and is not settled
}

// once follows on one connection. It returns nil where the following has reached its end.
func (w *walk) once(ctx context.Context) error {
	if limit := w.following.Limit; limit > 0 && !w.following.joins() {
		// Counted from where the bridge begins again, which may be before what was shown last.
		w.query.Set("limit", strconv.FormatInt(limit-w.atCursor, 10))
	}
	s, err := w.api.openStream(ctx, w.query, w.cursor, w.path()...)
	if err != nil || s == nil {
		return err
	}
	defer s.close()
	stream := ""
	for {
		f, err := s.next(ctx)
		if err != nil {
			if lost := w.audience.Pause(); lost != nil {
				return lost
			}
			return err
		}
		switch f.Op {
		case "ready":
			w.ready(f)
			stream = f.Stream
		case "msg":
			err = w.message(f)
		case "gap":
			w.seen.gap(f)
			err = w.audience.Frame(f)
		case "bye":
			return w.leave(ctx, stream, f)
		}
		if err != nil {
			return err
		}
		if f.Cursor != "" {
			w.cursor, w.atCursor = f.Cursor, w.shown
		}
		full := w.following.Limit > 0 && w.shown >= w.following.Limit
		if full || !s.waiting() {
			if err := w.settle(ctx, stream); err != nil {
				return err
			}
		}
		if full {
			return nil
		}
	}
}

// path is the route's.
func (w *walk) path() []string {
	f := w.following
	switch {
	case f.Queue != "":
		return []string{"v1", "topics", f.Topics[0], "queues", f.Queue, "events"}
	case len(f.Topics) == 1 && !strings.Contains(f.Topics[0], "*"):
		return []string{"v1", "topics", f.Topics[0], "events"}
	}
	w.query["topic"] = f.Topics
	return []string{"v1", "events"}
}

func (w *walk) ready(f *Frame) {
	w.met = true
	if f.Resumed != nil && !*f.Resumed {
		clear(w.seen) // offsets may begin anew
	}
	if w.following.joins() {
		w.query.Del("from") // it is for the first join alone, and a conflict from then on
	}
}

func (w *walk) message(f *Frame) error {
	w.patience.reset()
	if !w.following.joins() && !w.seen.first(f) {
		return nil
	}
	w.shown++
	w.receipt = f.Receipt
	return w.audience.Frame(f)
}

// settle tells the audience to pause, and settles what was shown until then.
func (w *walk) settle(ctx context.Context, stream string) error {
	if err := w.audience.Pause(); err != nil {
		return err
	}
	if !w.following.Manual || w.receipt == "" {
		return nil
	}
	receipt := w.receipt
	w.receipt = ""
	// What was shown is settled also where the end has come meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := w.api.SettleUpTo(ctx, stream, receipt); err != nil {
		w.audience.Trouble(fmt.Errorf("what was shown could not be settled and may come again: %w", err), 0)
	}
	return nil
}

// leave follows a bye: nil where it is the end, the error to come back with, or the one to end with.
func (w *walk) leave(ctx context.Context, stream string, f *Frame) error {
	if f.Cursor != "" {
		w.cursor, w.atCursor = f.Cursor, w.shown
	}
	if err := w.settle(ctx, stream); err != nil {
		return err
	}
	w.met = true
	switch {
	case f.Reconnect:
		return f.bye()
	case f.Reason == "end":
		return nil
	}
	return &Problem{Code: f.Reason, Title: "the bridge has ended the stream"}
}
