package slow

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/tests/bridge"
	"culvert/tests/client"
)

// hall is a bridge with an audience, where rounds are held.
type hall struct {
	bridge   *bridge.Bridge
	topic    string
	audience *audience
}

const (
	publishers  = 2
	messageSize = 400
	endOfRound  = "end"
)

// open starts a bridge with these settings, and seats an audience.
func open(t *testing.T, environment ...string) *hall {
	t.Helper()
	h := &hall{bridge: bridge.Start(t, environment...), topic: "slow"}
	h.audience = seat(t, h.bridge, h.topic, 4)
	return h
}

// flood publishes for a while as fast as it is acked, and gives how many messages a second each of the audience saw, up to and with the last one.
func (h *hall) flood(ctx context.Context, length time.Duration) (float64, error) {
	begun := time.Now()
	all, err := h.round(ctx, publishers, func(w io.Writer) error {
		for time.Since(begun) < length {
			if err := publish(w, 50, messageSize); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	rate := 0.0
	for _, one := range all {
		rate += float64(one.messages) / one.over.Sub(begun).Seconds()
	}
	return rate / float64(len(all)), nil
}

// drizzle publishes at a fixed rate, far below what there is room for, and gives the 99th percentile of the time from before a message was sent until one of the audience saw it. At full rate that
// would be how long the queue is, which is what the publishers make it.
func (h *hall) drizzle(ctx context.Context, length time.Duration) (time.Duration, error) {
	const every, some = 5 * time.Millisecond, 10
	all, err := h.round(ctx, 1, func(w io.Writer) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for range length / every {
			<-tick.C
			if err := publish(w, some, messageSize); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	var latencies []time.Duration
	for _, one := range all {
		latencies = append(latencies, one.latencies...)
	}
	slices.Sort(latencies)
	return latencies[len(latencies)*99/100], nil
}

// fill makes the logs hold as much as they may.
func (h *hall) fill(ctx context.Context) error {
	const large = 50_000
	_, err := h.round(ctx, 1, func(w io.Writer) error { return publish(w, 3*logBytes/large, large) })
	return err
}

// plug fills the buffers of who reads nothing with messages so large that it stands in the midst of one: the room that a system finds for it now and then is not enough to go on. It is no more than
// the logs hold, so that nobody falls out of them before.
func (h *hall) plug(ctx context.Context) error {
	const large = 50_000
	_, err := h.round(ctx, 1, func(w io.Writer) error { return publish(w, 3*logBytes/4/large, large) })
	return err
}

// round publishes what each of some publishers writes, and returns when the audience has seen it all.
func (h *hall) round(ctx context.Context, some int, write func(io.Writer) error) ([]heard, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var posts errgroup.Group
	for range some {
		posts.Go(func() error { return h.post(ctx, write) })
	}
	err := posts.Wait()
	if err == nil {
		err = h.post(ctx, func(w io.Writer) error {
			_, err := io.WriteString(w, `{"text":"`+endOfRound+` "}`+"\n")
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}
	return h.audience.hear(ctx)
}

// post publishes lines while they are written, in one request. It returns when all are acked.
func (h *hall) post(ctx context.Context, write func(io.Writer) error) error {
	body, lines := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.bridge.URL+"/v1/topics/"+h.topic+"/messages?results=summary", body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	// Ends with the request, which closes the body.
	go func() { lines.CloseWithError(write(lines)) }()
	var summary struct{ Acked, Failed int }
	if err := client.Do(request, &summary); err != nil {
		return err
	}
	if summary.Failed > 0 {
		return fmt.Errorf("%d messages were not acked", summary.Failed)
	}
	return nil
}

// publish writes messages of a size that say when that was.
func publish(w io.Writer, many, size int) error {
	var lines bytes.Buffer
	now, padding := time.Now().UnixNano(), strings.Repeat("x", size)
	for range many {
		fmt.Fprintf(&lines, `{"text":"%d %s"}`+"\n", now, padding)
	}
	_, err := w.Write(lines.Bytes())
	return err
}
