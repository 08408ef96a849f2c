package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// viewer views the topic of a trial, over SSE or a WebSocket, and goes on where it was cut off.
type viewer struct {
	*load
	name     string
	kind     int
	seen     *oracle.Viewer
	progress *progress
	// place is the cursor of the last event that had one. What came behind it is in waiting: it counts when the next one comes, since a client that is cut off before
	// is shown it again.
	place   string
	waiting []func()
	// gate is held by who wants the viewer to stop reading.
	gate sync.Mutex
}

func newViewer(l *load, name string, kind int) *viewer {
	return &viewer{load: l, name: name, kind: kind, seen: l.oracle.Viewer(name), progress: newProgress(l.crowd)}
}

func (v *viewer) run(ctx context.Context, opened func()) {
	session := v.overSSE
	if v.kind%2 == 1 {
		session = v.overWS
	}
	defer opened()
	for ctx.Err() == nil {
		err := session(ctx, opened)
		v.waiting = nil
		v.parted(ctx, v.name, err)
	}
}

// told takes what the server says: a kind of event, its cursor, and what it holds.
func (v *viewer) told(kind, cursor, text string, lost *int64) error {
	v.gate.Lock()
	defer v.gate.Unlock()
	switch kind {
	case "msg":
		n, err := oracle.ParseNote(text)
		if err != nil {
			v.Errorf("%s: %v", v.name, err)
			return err
		}
		v.waiting = append(v.waiting, func() { v.seen.Saw(n); v.progress.saw(n) })
	case "gap":
		v.step("%s was told of a gap: %s", v.name, text)
		v.waiting = append(v.waiting, func() { v.seen.Gap(sizeOf(lost)) })
	case "ready", "mark":
	default:
		return fmt.Errorf("%s: %s", kind, text)
	}
	if cursor != "" {
		v.place = cursor
		for _, happens := range v.waiting {
			happens()
		}
		v.waiting = v.waiting[:0]
	}
	return nil
}

func sizeOf(lost *int64) int64 {
	if lost == nil {
		return -1
	}
	return *lost
}

func (v *viewer) overSSE(ctx context.Context, opened func()) error {
	stream, err := client.OpenSSE(ctx, v.url()+"/v1/topics/"+v.load.trial.name+"/events", v.place)
	if err != nil {
		return err
	}
	defer stream.Close()
	for {
		e, err := stream.Next()
		if err != nil {
			return err
		}
		kind, cursor := e.Type, e.ID
		if kind == "message" {
			kind = "msg"
		}
		if cursor == v.place {
			cursor = "" // the event had none of its own
		}
		var gap client.Frame
		if kind == "gap" {
			if err := json.Unmarshal([]byte(e.Data), &gap); err != nil {
				return err
			}
		}
		if err := v.told(kind, cursor, e.Data, gap.Lost); err != nil {
			return err
		}
		if kind == "ready" {
			opened()
		}
	}
}

func (v *viewer) overWS(ctx context.Context, opened func()) error {
	ws, err := client.OpenWS(ctx, v.url()+"/v1/ws?batch=1", "culvert.v1.json")
	if err != nil {
		return err
	}
	defer ws.Close()
	if err := ws.Send(ctx, client.Frame{Op: "sub", ID: "1", Sub: "s", Topic: v.load.trial.name, From: v.place}); err != nil {
		return err
	}
	for {
		f, err := ws.Next(ctx)
		if err != nil {
			return err
		}
		text := f.Reason + f.Code + " " + f.Detail
		if f.Text != nil {
			text = *f.Text
		}
		if f.Op == "err" && !f.Retryable {
			v.Errorf("%s was told %+v", v.name, f)
		}
		if err := v.told(f.Op, f.Cursor, text, f.Lost); err != nil {
			return err
		}
		if f.Op == "ready" {
			opened()
		}
	}
}
