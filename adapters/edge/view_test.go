package edge

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// peekOf are the parameters of a stream of the queue billing.
func peekOf(query, resume string) (View, bool, error) {
	p := QueryParams(query, domain.DefaultLimits())
	if mode := p.Mode("billing"); mode != ModePeek {
		return View{}, false, fmt.Errorf("the mode is %s", mode)
	}
	v, ended := p.View([]domain.Pattern{"orders"}, resume, domain.DefaultLimits(), testNow)
	return v, ended, p.Err()
}

func TestParametersOfAPeek(t *testing.T) {
	v, ended, err := peekOf("mode=peek&limit=3&to=latest&key=a&header=h:v&overflow=drop", "")
	if err != nil || ended || v.Queue != "billing" || fmt.Sprint(v.Topics) != "[orders]" || v.Limit != 3 || v.To == nil || len(v.Keys) != 1 || len(v.Headers) != 1 || v.Overflow != ports.OverflowDrop || v.Resume != nil {
		t.Errorf("%+v, %v, %v", v, ended, err)
	}
	if v, ended, err := peekOf("mode=peek", cursorOf("orders", true)); err != nil || ended || v.Resume == nil || v.Resume.End {
		t.Errorf("%+v, %v, %v", v, ended, err)
	}
	if _, ended, err := peekOf("mode=peek&to=latest", cursorOf("orders", true)); err != nil || !ended {
		t.Errorf("%v, %v", ended, err)
	}
	for query, says := range map[string]string{
		"from=latest":     `"from" is unknown here; known are header, key, limit, mode, overflow, to`,
		"ack=auto":        `"ack" is unknown here; known are header, key, limit, mode, overflow, to`,
		"max_in_flight=1": `"max_in_flight" is unknown here; known are header, key, limit, mode, overflow, to`,
		"limit=0":         "limit=",
		"to=never":        "to=",
	} {
		if _, _, err := peekOf("mode=peek&"+query, ""); domain.CodeOf(err) != domain.InvalidRequest || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", query, err, says)
		}
	}
	if _, _, err := peekOf("mode=peek", cursorOf("others", false)); domain.CodeOf(err) != domain.InvalidCursor {
		t.Errorf("a cursor of another topic: %v", err)
	}
}

func TestWhatAViewMayAskForIsUnknownInAJoin(t *testing.T) {
	for _, name := range []string{"limit", "to", "key", "header", "overflow"} {
		p := QueryParams("mode=join&"+name+"=1", domain.DefaultLimits())
		p.Mode("billing", "both")
		p.Join("orders", "billing", domain.DefaultLimits(), testNow)
		if err := p.Err(); err == nil || !strings.Contains(err.Error(), `"`+name+`" is unknown here; known are ack, from, max_in_flight, mode`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestModesOfAQueue(t *testing.T) {
	for _, c := range []struct {
		query string
		also  []string
		want  string
	}{
		{"", nil, ModeJoin},
		{"mode=join", nil, ModeJoin},
		{"mode=peek", nil, ModePeek},
		{"mode=both", []string{"both"}, "both"},
		{"mode=both", nil, `mode="both" is none of join, peek`},
		{"mode=view", []string{"both"}, `mode="view" is none of join, peek, both`},
	} {
		p := QueryParams(c.query, domain.DefaultLimits())
		mode := p.Mode("billing", c.also...)
		if err := p.Err(); err == nil && mode != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s, %v", c.query, mode, err)
		}
	}
}

// services tell where a queue is, and remember what they were asked to show.
type services struct {
	ports.Queues
	place  domain.Start
	away   error
	peeked []string
	shown  []ports.View
	full   error
}

func (s *services) Peek(_ context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
	s.peeked = append(s.peeked, string(topic)+"/"+string(queue))
	return s.place, s.away
}

func (s *services) View(_ context.Context, v ports.View) (ports.Stream, error) {
	s.shown = append(s.shown, v)
	return nil, s.full
}

func TestAPeekBeginsAtThePlaceOfItsQueue(t *testing.T) {
	s := &services{place: domain.StartVector(domain.NewVector(9, domain.Place{Next: 25}))}
	v, _, err := peekOf("mode=peek", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open(t.Context(), s, s); err != nil || fmt.Sprint(s.peeked) != "[orders/billing]" || len(s.shown) != 1 || !s.shown[0].From.Equal(s.place) {
		t.Errorf("%v, asked for %v and %+v", err, s.peeked, s.shown)
	}
	// With a cursor the queue must be there all the same; where to begin is the cursor's to say.
	if v, _, err = peekOf("mode=peek", cursorOf("orders", false)); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open(t.Context(), s, s); err != nil || len(s.peeked) != 2 || s.shown[1].Resume.Vector("orders").Next(0) != 7 {
		t.Errorf("%v, asked for %v and %+v", err, s.peeked, s.shown)
	}
	s.away = domain.Errorf(domain.UnknownQueue, "gone")
	if _, err := v.Open(t.Context(), s, s); domain.CodeOf(err) != domain.UnknownQueue || len(s.shown) != 2 {
		t.Errorf("%v, asked for %+v", err, s.shown)
	}
	// A view asks no queue.
	if v, _, err = viewOf("", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open(t.Context(), s, s); err != nil || len(s.peeked) != 3 {
		t.Errorf("%v, asked for %v", err, s.peeked)
	}
}

func TestThePlaceOfAPeekThatWasNotOpened(t *testing.T) {
	away := domain.Errorf(domain.Unavailable, "away")
	place := domain.NewVector(9, domain.Place{Next: 25})
	for name, c := range map[string]struct {
		resume string
		s      services
		opened bool
		want   *domain.Vector // nil: none
	}{
		"no room to ask":          {want: nil},
		"no room, with a cursor":  {resume: cursorOf("orders", false), want: domain.NewVector(9, domain.Place{Next: 7})},
		"the queue is away":       {s: services{away: away}, opened: true, want: nil},
		"away, with a cursor":     {resume: cursorOf("orders", false), s: services{away: away}, opened: true, want: domain.NewVector(9, domain.Place{Next: 7})},
		"the view has no room":    {s: services{place: domain.StartVector(place), full: away}, opened: true, want: place},
		"no room, but a cursor":   {resume: cursorOf("orders", false), s: services{place: domain.StartVector(place), full: away}, opened: true, want: domain.NewVector(9, domain.Place{Next: 7})},
		"an end mark is no place": {resume: cursorOf("orders", true), want: domain.NewVector(9, domain.Place{Next: 7})},
	} {
		v, _, err := peekOf("mode=peek", c.resume)
		if err != nil {
			t.Fatal(err)
		}
		if c.opened {
			if _, err := v.Open(t.Context(), &c.s, &c.s); err == nil {
				t.Fatalf("%s: it was opened", name)
			}
		}
		got := v.Place(testNow.Add(time.Minute))
		if c.want == nil && len(got.Topics) != 0 || c.want != nil && (got.End || !got.Vector("orders").Equal(c.want)) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
