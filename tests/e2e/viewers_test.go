package e2e

import (
	"context"
	"encoding/json"
	"fmt"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// viewers are clients of three kinds in turn, each of which must see every message.
func (j *job) viewers() []jobClient {
	var all []jobClient
	for i := range j.size.viewers {
		switch i % 3 {
		case 0:
			all = append(all, j.sseViewer(i))
		case 1:
			all = append(all, j.jsonViewer(i))
		default:
			all = append(all, j.rawViewer(i))
		}
	}
	return all
}

// show tells the oracle of a payload, and reports whether it was the last one.
func show(v *oracle.Viewer, end *finish, payload string) (bool, error) {
	n, err := oracle.ParseNote(payload)
	if err != nil {
		return false, err
	}
	v.Saw(n)
	return end.saw(n), nil
}

func (j *job) sseViewer(i int) jobClient {
	name := fmt.Sprintf("sse-%d", i)
	v, end := j.oracle.Viewer(name), newFinish(j.size.keys)
	return jobClient{name: name, follow: func(ctx context.Context, opened func()) error {
		stream, err := client.OpenSSE(ctx, j.bridge.URL+"/v1/topics/"+j.topic+"/events", "")
		if err != nil {
			return err
		}
		defer stream.Close()
		for {
			e, err := stream.Next()
			if err != nil {
				return err
			}
			switch e.Type {
			case "ready":
				opened()
			case "mark":
			case "message":
				if over, err := show(v, end, e.Data); over || err != nil {
					return err
				}
			case "gap":
				var gap client.Frame
				if err := json.Unmarshal([]byte(e.Data), &gap); err != nil {
					return err
				}
				v.Gap(lost(gap))
			default:
				return fmt.Errorf("%w: %s %s", errOver, e.Type, e.Data)
			}
		}
	}}
}

func (j *job) jsonViewer(i int) jobClient {
	name := fmt.Sprintf("json-%d", i)
	v, end := j.oracle.Viewer(name), newFinish(j.size.keys)
	return jobClient{name: name, follow: func(ctx context.Context, opened func()) error {
		ws, err := client.OpenWS(ctx, j.bridge.URL+"/v1/ws?batch=1", "culvert.v1.json")
		if err != nil {
			return err
		}
		defer ws.Close()
		if err := ws.Send(ctx, client.Frame{Op: "sub", ID: "1", Sub: "s", Topic: j.topic}); err != nil {
			return err
		}
		for {
			f, err := ws.Next(ctx)
			if err != nil {
				return err
			}
			switch f.Op {
			case "ready":
				opened()
			case "mark":
			case "msg":
				if f.Text == nil {
					return fmt.Errorf("a message without text: %+v", f)
				}
				if over, err := show(v, end, *f.Text); over || err != nil {
					return err
				}
			case "gap":
				v.Gap(lost(f))
			default:
				return fmt.Errorf("%w: %+v", errOver, f)
			}
		}
	}}
}

func (j *job) rawViewer(i int) jobClient {
	name := fmt.Sprintf("raw-%d", i)
	v, end := j.oracle.Viewer(name), newFinish(j.size.keys)
	return jobClient{name: name, follow: func(ctx context.Context, opened func()) error {
		ws, err := client.OpenWS(ctx, j.bridge.URL+"/v1/topics/"+j.topic+"/ws?mode=view", "culvert.v1.raw")
		if err != nil {
			return err
		}
		defer ws.Close()
		opened()
		for {
			_, payload, err := ws.Conn.Read(ctx)
			if err != nil {
				return err
			}
			if over, err := show(v, end, string(payload)); over || err != nil {
				return err
			}
		}
	}}
}

func lost(gap client.Frame) int64 {
	if gap.Lost == nil {
		return -1
	}
	return *gap.Lost
}
