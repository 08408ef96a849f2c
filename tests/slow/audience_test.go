package slow

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/client"
)

// audience are viewers that read whatever comes.
type audience struct {
	seats []chan heard
}

// heard is what one of them saw of one round.
type heard struct {
	messages  int
	latencies []time.Duration
	over      time.Time // when it saw the end
	err       error
}

// seat opens an audience. It leaves with the test.
func seat(t *testing.T, b *bridge.Bridge, topic string, many int) *audience {
	t.Helper()
	a := &audience{}
	for range many {
		stream, err := client.OpenSSE(t.Context(), b.URL+"/v1/topics/"+topic+"/events", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stream.Close)
		rounds := make(chan heard, 1)
		a.seats = append(a.seats, rounds)
		// Ends with the stream.
		go listen(bufio.NewReaderSize(stream.Response.Body, 64<<10), rounds)
	}
	return a
}

// listen tells of each round when its end comes.
func listen(r *bufio.Reader, rounds chan<- heard) {
	var h heard
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			rounds <- heard{err: err}
			return
		}
		payload, ok := strings.CutPrefix(string(line), "data: ")
		if !ok {
			continue
		}
		word, _, _ := strings.Cut(payload, " ")
		sent, err := strconv.ParseInt(word, 10, 64)
		switch {
		case err == nil:
			h.messages++
			h.latencies = append(h.latencies, time.Since(time.Unix(0, sent)))
		case word == endOfRound:
			h.over = time.Now()
			rounds <- h
			h = heard{}
		}
	}
}

// hear waits until everybody has seen the end of a round.
func (a *audience) hear(ctx context.Context) ([]heard, error) {
	all := make([]heard, 0, len(a.seats))
	for i, rounds := range a.seats {
		select {
		case h := <-rounds:
			if h.err != nil {
				return nil, h.err
			}
			all = append(all, h)
		case <-ctx.Done():
			return nil, fmt.Errorf("viewer %d waits in vain for the end of the round: %w", i, ctx.Err())
		}
	}
	return all, nil
}
