package sse

import (
	"context"
	"errors"
	"net/http"

	"culvert/adapters/edge"
	"culvert/domain"
)

// end tells the member why its stream ends.
func (e *Edge) end(ctx context.Context, c *connection, wire wire, err error) error {
	bye := parting(err, ctx.Err() != nil)
	if bye == nil {
		return nil
	}
	// A client that is gone by now needs no farewell.
	_ = c.send(e.farewell(wire, bye, domain.Cursor{}))
	if bye.Reason == domain.ByeInternal {
		return err
	}
	return nil
}

// parting is what to say at the end of a stream with err; nil where that came of it that the client is gone.
func parting(err error, gone bool) *domain.Bye {
	var bye *domain.Bye
	if !errors.As(err, &bye) && gone {
		return nil
	}
	return domain.ByeFor(err)
}

// refuse answers a stream that could not be opened. Trouble that passes is a stream that only says bye, with cursor as for farewell, since an EventSource never comes
// back after a status other than 200.
func (e *Edge) refuse(w http.ResponseWriter, wire wire, err error, strict bool, cursor domain.Cursor) error {
	switch {
	case !passing(err):
		return err
	case strict:
		return strictly(err)
	}
	c, lost := e.open(w, wire.contentType())
	if lost == nil {
		// A client that is gone by now needs no farewell.
		_ = c.send(e.farewell(wire, domain.ByeFor(err), cursor))
	}
	return err
}

// farewell is the last frame. On a view cursor is the place it has reached; in a queue it is of no topic.
func (e *Edge) farewell(wire wire, bye *domain.Bye, cursor domain.Cursor) []byte {
	cursor.End = bye.Reason == domain.ByeEnd
	place := ""
	if len(cursor.Topics) > 0 {
		place = cursor.String()
	}
	retry := edge.RetryOf(bye, e.cfg.Retry, e.cfg.Drain)
	return wire.control(nil, "bye", retry, place, func(dst []byte, cursor string) []byte {
		return edge.AppendByeBody(dst, bye, retry, cursor)
	})
}
