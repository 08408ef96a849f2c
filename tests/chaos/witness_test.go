package chaos

import (
	"context"
	"strings"
	"sync"
	"time"

	"culvert/tests/client"
)

// patience is how long a bridge may take for what a broken broker does not keep it from.
const patience = 15 * time.Second

// mender gives mend to be called once: when the row comes to it, or at the end of the test.
func (x *trial) mender(mend func()) func() {
	once := sync.OnceFunc(mend)
	x.Cleanup(once)
	return once
}

// refuses waits until publishers are told code.
func (x *trial) refuses(code string) {
	x.Helper()
	before := x.refusals()[code]
	if !x.until(patience, func() bool { return x.refusals()[code] >= before+x.load.crowd.publishers }) {
		x.Errorf("publishers were not told %s within %s", code, patience)
	}
}

// catchUp wants everyone to have seen all that was acked so far.
func (x *trial) catchUp() {
	x.Helper()
	var marks []int
	for _, p := range x.load.publishers {
		marks = append(marks, int(p.acked.Load())-1)
	}
	var behind []string
	if !x.until(patience, func() bool {
		behind = x.load.unseen(marks)
		return len(behind) == 0
	}) {
		x.Errorf("after %s these have not seen what was acked: %s", patience, strings.Join(behind, "; "))
	}
}

// comesAnew wants a new viewer to be shown what is there, and a new member to be let in.
func (x *trial) comesAnew() {
	x.Helper()
	x.opens("/v1/topics/"+x.name+"/events?from=-10", "message")
	x.opens("/v1/topics/"+x.name+"/queues/"+queue+"/events?ack=manual", "ready")
}

// opens wants an event of a new stream.
func (x *trial) opens(path, event string) {
	x.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := client.OpenSSE(ctx, x.url()+path, "")
	if err != nil {
		x.Error(err)
		return
	}
	defer stream.Close()
	for {
		e, err := stream.Next()
		if err != nil || e.Type == "bye" {
			x.Errorf("%s: %s %v where %s was to come", path, e.Data, err, event)
			return
		}
		if e.Type == event {
			return
		}
	}
}

// probe injects a message that is to be refused, and gives the answer.
func (x *trial) probe(text string) client.Frame {
	x.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, err := client.OpenWS(ctx, x.url()+"/v1/ws", "culvert.v1.json")
	if err != nil {
		x.Fatal(err)
	}
	defer ws.Close()
	if err := ws.Send(ctx, client.Frame{Op: "pub", ID: "probe", Topic: x.name, Key: x.load.key(0), Text: &text}); err != nil {
		x.Fatal(err)
	}
	answer, err := ws.Next(ctx)
	if err != nil {
		x.Fatal(err)
	}
	return answer
}
