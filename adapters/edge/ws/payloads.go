package ws

import (
	"context"
	"errors"
	"fmt"
	"math"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// newRawFormat is the format of raw frames: whole ones, the same for all viewers. Tombstones and gaps are none.
func newRawFormat() *domain.Format {
	return &domain.Format{Name: "websocket-raw", Placeless: true, Append: func(dst []byte, e domain.Event) []byte {
		if e.Message == nil || e.Message.Tombstone() {
			return dst
		}
		return appendPayload(dst, e.Message.Payload)
	}}
}

// render puts the payloads of a batch on p, up to the first gap, which is the error.
func (d *raw) render(p *edge.Parts, batch ports.Batch) error {
	for _, span := range batch.Spans {
		if gap := span.Run.Gap; gap != nil {
			if d.conflated && gap.Reason == domain.GapOverflow {
				continue // it counts what the client asked to have left out
			}
			return &hole{gap}
		}
		// Raw frames hold no cursor, so those of a viewer with a vector of its own are the same as everybody's.
		p.Share(span.Run.Frames(d.frames).Between(span.From, span.To))
	}
	return nil
}

// hole is a gap that ends a socket.
type hole struct{ gap *domain.Gap }

func (h *hole) Error() string { return "a gap: " + string(h.gap.Reason) }

// shown ends the socket because its view has ended with err, or could not be written.
func (d *raw) shown(err error) {
	ctx := d.socket.life
	var h *hole
	if errors.As(err, &h) {
		d.hole(ctx, h.gap)
		return
	}
	d.over(ctx, err)
}

// belong sends the payloads that the membership is given until it ends, and the socket with it.
func (d *raw) belong(ctx context.Context) {
	for {
		events, err := d.member.Next(ctx, math.MaxInt)
		if err != nil {
			d.over(ctx, err)
			return
		}
		gap, err := d.give(ctx, events)
		if err != nil {
			return
		}
		if gap != nil {
			d.hole(ctx, gap)
			return
		}
	}
}

// give sends the payloads among events, up to the first gap, which it returns. Many are sent piece by piece and settled as soon as they are written, so that leases do not end while
// payloads after theirs are on their way to a slow client.
func (d *raw) give(ctx context.Context, events []domain.Event) (gap *domain.Gap, err error) {
	var frames []byte
	var receipts []string
	flush := func() error {
		if len(frames) > 0 {
			if err := d.socket.wire.Send(ctx, nil, frames); err != nil {
				return err
			}
		}
		if len(receipts) > 0 {
			d.socket.conn.Pass(len(receipts), 0)
			d.member.Done(receipts...)
		}
		frames, receipts = frames[:0], receipts[:0]
		return nil
	}
	for _, e := range events {
		if e.Gap != nil {
			return e.Gap, flush()
		}
		if e.Message == nil {
			continue
		}
		frames = d.socket.edge.frames.Append(frames, e)
		receipts = append(receipts, e.Receipt)
		if len(frames) >= enough {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	return nil, flush()
}

// hole closes the socket because messages are lost to it: bare payloads could not tell.
func (d *raw) hole(ctx context.Context, gap *domain.Gap) {
	lost, where := "an unknown number of", ""
	if gap.Lost != domain.LostUnknown {
		lost = fmt.Sprint(gap.Lost)
	}
	if gap.Partition != domain.NoPartition {
		where = fmt.Sprintf(" of partition %d", gap.Partition)
	}
	d.leave(ctx, edge.CloseGap, fmt.Sprintf("gap: %s, %s messages%s are lost", gap.Reason, lost, where))
}

// over closes the socket because its view or membership has ended.
func (d *raw) over(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // the socket has ended first
	}
	bye := domain.ByeFor(err)
	if bye.Cause != nil {
		d.socket.report(ctx, "raw stream ended", bye.Cause)
	}
	code, reason := closeForBye(bye)
	d.leave(ctx, code, reason)
}

// leave closes the socket after what the client injected is answered, for which the close timeout is given.
func (d *raw) leave(ctx context.Context, code int, reason string) {
	due, cancel := context.WithTimeout(ctx, d.socket.edge.cfg.CloseTimeout)
	defer cancel()
	d.socket.leave(due, code, reason, nil)
}

// closeForBye is the close code and the reason for b.
func closeForBye(b *domain.Bye) (int, string) {
	detail := "the stream has ended"
	switch b.Reason {
	case domain.ByeEnd:
		detail = "the stream has reached what it was asked for"
	case domain.ByeSlow:
		detail = "the client did not keep up"
	case domain.ByeShutdown:
		detail = "this node is going away"
	case domain.ByeUnavailable:
		detail = "the broker cannot be reached"
	case domain.ByeOverload:
		detail = "this node has no room"
	case domain.ByeRotate:
		detail = "the connection is old; come back on another one"
	}
	return edge.CloseCodeOfBye(b.Reason), string(b.Reason) + ": " + detail
}
