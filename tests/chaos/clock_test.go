package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"culvert/tests/brokers"
	"culvert/tests/client"
	"culvert/tests/clock"
	"culvert/tests/oracle"
)

// brokerClockJumps lets the wall clock of the broker jump, and reads what was injected meanwhile by the time, too.
func brokerClockJumps(x *trial) {
	x.Cleanup(func() {
		x.setClock(0)
		if x.kafka != nil { // one whose clock was set back may leave what it had planned for later: it answers no more who makes topics
			x.kill()
			x.start()
		}
	})
	x.clockJumps(x.setClock)
}

// bridgeClockJumps lets that of the bridge jump.
func bridgeClockJumps(x *trial) {
	x.clockJumps(func(ahead time.Duration) {
		err := x.nodes[0].bridge.SetClock(ahead)
		if errors.Is(err, clock.ErrUnsupported) {
			brokers.Without(x.T, "clock that jumps", err)
		}
		if err != nil {
			x.Fatal(err)
		}
	})
}

func (x *trial) clockJumps(set func(ahead time.Duration)) {
	x.addNode()
	set(0) // or it is skipped at once
	begun := time.Now()
	ended := x.endsAt(begun.Add(4 * time.Second))
	x.underLoad(usual(), func(x *trial) {
		for range few(1, 5) {
			for _, by := range []time.Duration{time.Hour, 0, -time.Hour, 0} {
				set(by)
				x.step("the clock is %s ahead", by)
				x.pass(x.between(500*time.Millisecond, pick(time.Second, 5*time.Second)))
			}
		}
	})
	if err := <-ended; err != nil {
		x.Error(err)
	}
	x.seesAllSince(begun)
}

// endsAt opens a view that shall end at a time, and tells how it ended. It may do so early, where the clock has been there and gone back.
func (x *trial) endsAt(at time.Time) <-chan error {
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(x.Context(), recovery)
	stream, err := client.OpenSSE(ctx, fmt.Sprintf("%s/v1/topics/%s/events?to=@%d", x.url(), x.name, at.UnixMilli()), "")
	if err != nil {
		x.Fatal(err)
	}
	// Ends with the view, or with ctx.
	go func() {
		defer cancel()
		defer stream.Close()
		bye, err := stream.Until("bye")
		switch late := time.Since(at); {
		case err != nil:
			ended <- fmt.Errorf("a view that was to end at a time: %w", err)
		case late > recovery/2 || !strings.Contains(bye.Data, `"end"`):
			ended <- fmt.Errorf("a view ended %s after the time at which it was to: %s", late, bye.Data)
		default:
			ended <- nil
		}
	}()
	return ended
}

// seesAllSince reads from a time to the end, and wants all that was acked since. It comes after the judgement, and judges anew.
func (x *trial) seesAllSince(begun time.Time) {
	late := x.oracle.Viewer("viewer from a time")
	stream, err := client.OpenSSE(x.Context(), fmt.Sprintf("%s/v1/topics/%s/events?from=@%d&to=latest", x.url(), x.name, begun.UnixMilli()), "")
	if err != nil {
		x.Fatal(err)
	}
	defer stream.Close()
	for {
		e, err := stream.Next()
		if err != nil {
			x.Fatal(err)
		}
		switch e.Type {
		case "message":
			n, err := oracle.ParseNote(e.Data)
			if err != nil {
				x.Fatal(err)
			}
			late.Saw(n)
		case "bye":
			x.judge()
			return
		}
	}
}
