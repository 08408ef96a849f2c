package chaos

import (
	"context"
	"fmt"
	"sync"

	"culvert/tests/client"
)

// shortMemory are settings by which bridges and brokers remember little.
func shortMemory() []string {
	return []string{
		"CULVERT_SUBSCRIBE_WINDOW_MESSAGES=50", "CULVERT_SUBSCRIBE_REPLAY_BYTES=200000", "CULVERT_INPROC_LOG_MESSAGES=200",
		"CULVERT_AMQP_STREAM_MAX_BYTES=1000000", "CULVERT_AMQP_STREAM_SEGMENT_BYTES=250000",
	}
}

// retentionPasses lets the broker forget what a viewer who reads nothing, and one who is away, have not seen.
func retentionPasses(x *trial) {
	x.addNode()
	beginning := x.end()
	if x.rabbit != nil {
		x.oracle.Own(1000) // at the beginning of each of a stream's files there may be one
	}
	var slow, away *viewer
	x.underLoad(crowd{publishers: 3, viewers: 3, members: 4, keys: 20, rate: 60}, func(x *trial) {
		slow, away = newViewer(x.load, "a viewer who reads nothing", 0), newViewer(x.load, "a viewer who was away", 1)
		slow.place, away.place = beginning, beginning
		x.visit(slow)
		leave := x.visit(away)
		x.load.viewers = append(x.load.viewers, slow, away)
		x.goOn("with two viewers more")
		leave()
		slow.gate.Lock()
		for i := range few(8, 80) {
			x.inject(fmt.Sprintf("%s-%d", large, i), 50)
		}
		x.step("the log has been overrun")
		if x.kafka != nil {
			x.forget(0)
		}
		slow.gate.Unlock()
		x.visit(away)
		x.step("both read again")
	})
	for _, v := range []*viewer{slow, away} {
		if v.seen.Gaps() == 0 {
			x.Errorf("%s was told of no gap", v.name)
		}
	}
}

// end is the cursor of the topic's end, before the load. A topic that is not there yet is made by a message that nobody else will see.
func (x *trial) end() string {
	x.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	var ack struct{}
	if err := client.Post(ctx, x.url()+"/v1/topics/"+x.name+"/messages", "text/plain", []byte("before all"), &ack); err != nil {
		x.Fatal(err)
	}
	var topic struct{ Cursor string }
	if err := client.Get(ctx, x.url()+"/v1/topics/"+x.name, &topic); err != nil {
		x.Fatal(err)
	}
	return topic.Cursor
}

// visit lets a viewer in, and returns when it was. It stays until leave, which waits, or the end of the load. Another time it goes on where it was.
func (x *trial) visit(v *viewer) (leave func()) {
	life, end := context.WithCancel(context.Background())
	opened, gone := make(chan struct{}), make(chan struct{})
	x.load.reading.Go(func() { // ends with life
		defer close(gone)
		v.run(life, sync.OnceFunc(func() { close(opened) }))
	})
	all := x.load.end
	x.load.end = func() {
		end()
		all()
	}
	<-opened
	return func() {
		end()
		<-gone
	}
}

// retentionAlone lets messages come and go while the bridge is away.
func retentionAlone(x *trial) {
	x.nodes[0].stop()
	x.step("the bridge has left")
	x.write("unseen", 50, 0, 1, 2, 3, 4, 5)
	x.forget(5)
	x.step("what came meanwhile is gone, but for a little")
	x.nodes[0].start()
}
