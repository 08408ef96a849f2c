package sse

import (
	"context"
	"errors"
	"net/http"

	"culvert/adapters/edge"
	"culvert/domain"
)

// end tells the client why its stream ends. On a view cursor is the place it has reached; in a queue it is of no topic.
func (e *Edge) end(ctx context.Context, c *connection, wire wire, err error, cursor domain.Cursor) error {
	var bye *domain.Bye
	if !errors.As(err, &bye) {
		if gone := ctx.Err() != nil; gone {
			return nil
		}
		bye = domain.ByeFor(err)
	}
	cursor.End = bye.Reason == domain.ByeEnd
	// A client that is gone by now needs no farewell.
	_ = c.send(e.farewell(wire, bye, cursor))
	if bye.Reason == domain.ByeInternal {
		return err
	}
	return nil
}

// refuse answers a stream that could not be opened. Trouble that passes is a stream that only says bye, with cursor as for end, since an EventSource never comes
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

func (e *Edge) farewell(wire wire, bye *domain.Bye, cursor domain.Cursor) []byte {
	place := ""
	if len(cursor.Topics) > 0 {
		place = cursor.String()
	}
	retry := edge.RetryOf(bye, e.cfg.Retry, e.cfg.Drain)
	return wire.control(nil, "bye", retry, place, func(dst []byte, cursor string) []byte {
		return edge.AppendByeBody(dst, bye, retry, cursor)
	})
}
