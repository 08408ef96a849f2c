package edge

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"culvert/domain"
)

// held is a holder that has these uses and counts how often it is rotated.
type held struct {
	uses    []Use
	rotated atomic.Int32
}

func (h *held) Uses() []Use { return h.uses }
func (h *held) Rotate()     { h.rotated.Add(1) }

// listing is a server whose connections are in the list.
func listing(t *testing.T, most int) (*Server, *Connections) {
	t.Helper()
	limits := domain.DefaultLimits()
	limits.Connections = most
	s, list := newServer(t, DefaultConfig(), limits, io.Discard, nil), NewConnections()
	s.Show(list)
	return s, list
}

// connect connects to s as a client with this address and program.
func connect(t *testing.T, s *Server, p Protocol, address, agent string) *Connection {
	t.Helper()
	c, err := Connect(asking(t, s, address, agent), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func asking(t *testing.T, s *Server, address, agent string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("User-Agent", agent)
	return r.WithContext(context.WithValue(context.WithValue(r.Context(), roomKey{}, &s.room), clientKey{}, address))
}

// addresses are those of the listed, in their order.
func addresses(list []Connected) string {
	var all []string
	for _, c := range list {
		all = append(all, c.Client)
	}
	return strings.Join(all, " ")
}

func TestTheNewestConnectionsAreListedFirst(t *testing.T) {
	s, list := listing(t, 10)
	other, _ := listing(t, 10)
	other.Show(list)
	a := connect(t, s, ProtocolSSE, "a", "")
	b := connect(t, other, ProtocolWSRaw, "b", strings.Repeat("x", 1000))
	c := connect(t, s, ProtocolPostNDJSON, "c", "curl/8")
	want := func(q string, most int, who string, total int) {
		t.Helper()
		if got, n := list.List(q, most); addresses(got) != who || n != total {
			t.Errorf("of %q at most %d are %q of %d, want %q of %d", q, most, addresses(got), n, who, total)
		}
	}
	want("", 10, "c b a", 3)
	want("", 2, "c b", 3)
	got, _ := list.List("", 10)
	if got[0].Protocol != ProtocolPostNDJSON || got[0].Agent != "curl/8" || got[0].HTTP != "1.1" || len(got[1].Agent) != maxAgent || got[2].Agent != "" || got[2].Uses != nil {
		t.Errorf("it says %+v", got)
	}
	if since := got[0].Since; time.Since(since) > time.Minute || !since.After(got[1].Since) || got[0].ID == got[1].ID {
		t.Errorf("it says %+v", got)
	}
	a.Hold(&held{uses: []Use{{Topic: "Orders", Queue: "billing"}}})
	b.Hold(&held{uses: []Use{{Topic: "prices"}, {Topic: "trades.*"}}})
	for q, who := range map[string]string{
		"CURL": "c", "WS-": "b", "ndjson": "c", "orders": "a", "Billing": "a", "trades.*": "b", "prices": "b", "b": "b a", "nobody": "", "xx": "b",
	} {
		n := len(strings.Fields(who))
		want(q, 10, who, n)
		want(q, 1, strings.Join(strings.Fields(who)[:min(n, 1)], " "), n)
	}
	b.Leave()
	want("", 10, "c a", 2)
	a.Leave()
	want("", 10, "c", 1)
	c.Leave()
	want("", 10, "", 0)
	if s.Connections() != 0 || other.Connections() != 0 {
		t.Errorf("%d and %d places are taken", s.Connections(), other.Connections())
	}
}

// One that found no room was in the list for ever.
func TestWhoIsRefusedIsNotListed(t *testing.T) {
	s, list := listing(t, 1)
	first := connect(t, s, ProtocolSSE, "a", "")
	if _, err := Connect(asking(t, s, "b", ""), ProtocolSSE); domain.CodeOf(err) != domain.TooManyRequests {
		t.Errorf("a second one: %v", err)
	}
	if got, n := list.List("", 10); addresses(got) != "a" || n != 1 {
		t.Errorf("%q of %d", addresses(got), n)
	}
	first.Leave()
	connect(t, s, ProtocolSSE, "c", "").Leave()
}

func TestAConnectionIsRotated(t *testing.T) {
	s, list := listing(t, 10)
	a, b := connect(t, s, ProtocolSSE, "a", ""), connect(t, s, ProtocolSSE, "b", "")
	var of [2]held
	a.Hold(&of[0])
	b.Hold(&of[1])
	all, _ := list.List("", 10)
	if !list.Rotate(all[1].ID) || of[0].rotated.Load() != 1 || of[1].rotated.Load() != 0 {
		t.Errorf("rotated are %d and %d", of[0].rotated.Load(), of[1].rotated.Load())
	}
	if !list.Rotate(all[1].ID) { // it takes its time
		t.Error("it is gone")
	}
	a.Leave()
	for _, id := range []string{all[1].ID, "", "c_", "c_zz"} {
		if list.Rotate(id) {
			t.Errorf("%q is rotated", id)
		}
	}
	// What is still being opened ends as soon as it is open.
	late := connect(t, s, ProtocolSSE, "late", "")
	newest, _ := list.List("", 1)
	if !list.Rotate(newest[0].ID) {
		t.Error("it is not there")
	}
	var h held
	late.Hold(&h)
	if h.rotated.Load() != 1 {
		t.Error("it goes on")
	}
	late.Leave()
	b.Leave()
}

func TestWhatPassesIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, list := listing(t, 10)
		a, b := connect(t, s, ProtocolSSE, "a", ""), connect(t, s, ProtocolSSE, "b", "")
		var total int64
		for second := range 30 {
			for range 10 {
				time.Sleep(time.Second / 10)
				a.Pass(5, 700)
			}
			total = list.Bytes()
			if want := int64(7000 * (second + 1)); total != want {
				t.Fatalf("%d bytes are counted, want %d", total, want)
			}
		}
		got, _ := list.List("", 10)
		if is := got[1]; is.Bytes != 30*7000 || is.Rate < 49.9 || is.Rate > 50.1 || got[0].Rate != 0 || got[0].Bytes != 0 {
			t.Errorf("it says %+v", got)
		}
		time.Sleep(3 * time.Second)
		if got, _ = list.List("", 10); got[1].Rate < 15 || got[1].Rate > 20 {
			t.Errorf("after three seconds of silence %v a second", got[1].Rate)
		}
		time.Sleep(time.Minute)
		if got, _ = list.List("", 10); got[1].Rate != 0 {
			t.Errorf("after a minute of silence %v a second", got[1].Rate)
		}
		b.Pass(1, 1)
		b.Leave()
		b.Pass(1, 1) // by who is still on the way out
		a.Leave()
		if n := list.Bytes(); n != total+1 {
			t.Errorf("all of them were written %d bytes, want %d", n, total+1)
		}
	})
}

// The most that can pass in a second runs into nothing else.
func TestMuchPasses(t *testing.T) {
	c := new(Connection)
	for range 64 {
		c.Pass(1_000_000, 1<<32-1)
	}
	if messages, bytes := c.take(); messages != 64_000_000 || bytes != 64*(1<<32-1) {
		t.Errorf("%d messages and %d bytes are counted", messages, bytes)
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	c := new(Connection)
	if n := testing.AllocsPerRun(100, func() { c.Pass(1, 100) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Idle viewers are many, and each has one.
func TestAConnectionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Connection{}); size > 96 {
		t.Errorf("it has %d bytes", size)
	}
}

// Whatever comes, goes, is counted, listed and rotated at the same time, in the end nothing is left, and nothing is lost.
func TestConnectionsAtOnce(t *testing.T) {
	s, list := listing(t, 1000)
	var workers sync.WaitGroup
	var sent atomic.Int64
	for i := range 8 {
		chance := rand.New(rand.NewPCG(1, uint64(i)))
		workers.Go(func() {
			var mine []*Connection
			for range 300 {
				switch chance.IntN(4) {
				case 0, 1:
					c, err := Connect(asking(t, s, fmt.Sprint(i), "agent"), ProtocolSSE)
					if err != nil {
						t.Error(err)
						return
					}
					c.Hold(&held{uses: []Use{{Topic: "t"}}})
					mine = append(mine, c)
				case 2:
					if len(mine) > 0 {
						n := chance.IntN(len(mine))
						mine[n].Leave()
						mine = slices.Delete(mine, n, n+1)
					}
				case 3:
					for _, c := range mine {
						n := chance.IntN(1000)
						c.Pass(1, n)
						sent.Add(int64(n))
					}
				}
			}
			for _, c := range mine {
				c.Leave()
			}
		})
	}
	for _, look := range []func(){
		func() { list.Bytes() },
		func() {
			all, total := list.List("agent", 5)
			if len(all) > 5 || total < len(all) {
				t.Errorf("%d of %d", len(all), total)
			}
			if len(all) > 0 {
				list.Rotate(all[len(all)-1].ID)
			}
		},
	} {
		workers.Go(func() {
			for range 200 {
				look()
			}
		})
	}
	workers.Wait()
	if all, total := list.List("", 10); len(all) != 0 || total != 0 || s.Connections() != 0 {
		t.Errorf("left are %d of %d, and %d places", len(all), total, s.Connections())
	}
	if n := list.Bytes(); n != sent.Load() {
		t.Errorf("%d bytes are counted of %d", n, sent.Load())
	}
}
