package sse

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

func joining(m *member, seen *ports.Join) *services {
	return &services{join: func(_ context.Context, j ports.Join) (ports.Member, error) {
		if seen != nil {
			*seen = j
		}
		return m, nil
	}}
}

func given(receipt, payload string, attempt int) domain.Event {
	return domain.Event{Topic: "orders", Message: &domain.Message{Payload: []byte(payload)}, Receipt: receipt, Attempt: attempt}
}

func TestAMemberOverSSE(t *testing.T) {
	m, seen := newMember(), ports.Join{}
	url := serve(t, joining(m, &seen), DefaultConfig(), domain.DefaultLimits())
	c := get(t, url+"/v1/topics/orders/queues/billing/events?max_in_flight=7&lastEventId=whatever", "Last-Event-ID", "r9")
	if want := "retry: 2000\nevent: ready\ndata: {\"stream\":\"s_2\",\"mode\":\"join\",\"topics\":[\"orders\"],\"queue\":\"billing\",\"ack\":\"auto\",\"order\":\"key\",\"max_in_flight\":16,\"lease_ms\":30000,\"max_attempts\":5,\"assigned\":3,\"heartbeat_ms\":15000}\n\n"; c.block(t) != want {
		t.Error("ready differs")
	}
	if seen.MaxInFlight != 7 || seen.Heartbeat != 15*time.Second || seen.Topic != "orders" || seen.Queue != "billing" || seen.From != nil {
		t.Errorf("asked for %+v", seen)
	}
	assigned := 2
	push(t, m.steps, step[[]domain.Event]{give: []domain.Event{given("r1", "a", 1), given("r2", "b", 2), {Assigned: &assigned}}})
	for _, want := range []string{"id: r1\ndata: a\n\n", "id: r2\ndata: b\n\n", "event: assign\ndata: {\"assigned\":2}\n\n"} {
		if got := c.block(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	push(t, m.steps, step[[]domain.Event]{})
	if got := c.block(t); got != ":\n\n" {
		t.Errorf("heartbeat %q", got)
	}
	// By asking for more the edge has said that the first were written.
	if got := m.settled(); !slices.Equal(got, []string{"r2"}) {
		t.Errorf("settled up to %v", got)
	}
	push(t, m.steps, step[[]domain.Event]{err: &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true, Retry: 1234 * time.Millisecond}})
	if got, want := c.rest(t), "retry: 1234\nevent: bye\ndata: {\"reason\":\"shutdown\",\"reconnect\":true,\"retry_ms\":1234}\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAMemberWithManualAcksOverNDJSON(t *testing.T) {
	m := newMember()
	url := serve(t, joining(m, nil), DefaultConfig(), domain.DefaultLimits())
	c := get(t, url+"/v1/topics/orders/queues/billing/events?ack=manual", "Accept", "application/x-ndjson")
	if got := c.line(t); !strings.HasPrefix(got, `{"op":"ready","stream":"s_2","mode":"join"`) || !strings.Contains(got, `"ack":"manual"`) {
		t.Errorf("ready %s", got)
	}
	push(t, m.steps, step[[]domain.Event]{give: []domain.Event{given("r1", "1", 2)}})
	if got, want := c.line(t), `{"op":"msg","topic":"orders","partition":0,"offset":0,"key":null,"headers":[],"payload":1,"receipt":"r1","attempt":2}`+"\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	push(t, m.steps, step[[]domain.Event]{})
	if got := c.line(t); got != "{\"op\":\"mark\"}\n" {
		t.Errorf("heartbeat %s", got)
	}
	if got := m.settled(); len(got) != 0 {
		t.Errorf("settled %v by itself", got)
	}
	c.stop()
	await(t, m.gone, "the end of the membership")
}

// What was not written is not settled, so that it goes to another member.
func TestAWriteThatFailsSettlesNothing(t *testing.T) {
	m := newMember()
	ended := make(chan struct{})
	s := &services{join: func(ctx context.Context, _ ports.Join) (ports.Member, error) {
		context.AfterFunc(ctx, func() { close(ended) })
		return m, nil
	}}
	cfg := DefaultConfig()
	cfg.WriteTimeout = 50 * time.Millisecond
	c := get(t, serve(t, s, cfg, domain.DefaultLimits())+"/v1/topics/orders/queues/billing/events")
	c.block(t)
	push(t, m.steps, step[[]domain.Event]{give: []domain.Event{given("r1", strings.Repeat("x", 16<<20), 1)}})
	await(t, ended, "the end of the membership")
	if got := m.settled(); len(got) != 0 {
		t.Errorf("settled up to %v", got)
	}
}

// A batch was settled only when all of it was written: to a client that read slowly, messages that it had were given to others when their leases ended, and after some tries they
// were dead letters.
func TestWhatWasWrittenIsSettledThoughTheRestIsNot(t *testing.T) {
	m := newMember()
	ended := make(chan struct{})
	s := &services{join: func(ctx context.Context, _ ports.Join) (ports.Member, error) {
		context.AfterFunc(ctx, func() { close(ended) })
		return m, nil
	}}
	cfg := DefaultConfig()
	cfg.WriteTimeout = 50 * time.Millisecond
	c := get(t, serve(t, s, cfg, domain.DefaultLimits())+"/v1/topics/orders/queues/billing/events")
	c.block(t)
	push(t, m.steps, step[[]domain.Event]{give: []domain.Event{
		given("r1", "small", 1), given("r2", strings.Repeat("x", coalesceBytes), 1), given("r3", strings.Repeat("x", 16<<20), 1), given("r4", "never", 1),
	}})
	await(t, ended, "the end of the membership")
	if got := m.settled(); !slices.Equal(got, []string{"r2"}) {
		t.Errorf("settled up to %v", got)
	}
}

// One that a page had put into the URL, beside that of its polyfill, was refused.
func TestAMemberMayComeBackWithAnyIDs(t *testing.T) {
	m := newMember()
	url := serve(t, joining(m, nil), DefaultConfig(), domain.DefaultLimits())
	c := get(t, url+"/v1/topics/orders/queues/billing/events?lastEventId=r1&lastEventId=r2", "Last-Event-ID", "r3")
	if c.StatusCode != 200 {
		t.Errorf("%d %s", c.StatusCode, c.rest(t))
	}
}

// A page from elsewhere could make a browser join a queue, as the source of an image say: no Origin comes with that, and what was written to it was settled.
func TestAPageFromElsewhereCannotJoinUnseen(t *testing.T) {
	for site, status := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 200, "none": 200} {
		url := serve(t, joining(newMember(), nil), DefaultConfig(), domain.DefaultLimits())
		c := get(t, url+"/v1/topics/orders/queues/billing/events", "Sec-Fetch-Site", site)
		if c.StatusCode != status {
			t.Errorf("%s: %d", site, c.StatusCode)
		}
		c.stop()
	}
	// One that says where it is from was let in by its name.
	url := serve(t, joining(newMember(), nil), DefaultConfig(), domain.DefaultLimits())
	c := get(t, url+"/v1/topics/orders/queues/billing/events", "Sec-Fetch-Site", "cross-site", "Origin", url)
	if c.StatusCode != 200 {
		t.Errorf("a page that is let in: %d %s", c.StatusCode, c.rest(t))
	}
	c.stop()
}
