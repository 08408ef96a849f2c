package rest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

func TestAQueueIsReset(t *testing.T) {
	s := &services{state: ports.QueueState{Partitions: []domain.Committed{at(0, 0, 25, 42), at(1, 0, domain.NoPlace, 7)}}}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + billing + "/reset"
	vector := domain.NewVector(9, domain.Place{Next: 5}, domain.Place{Partition: 1, Next: 6})
	cursor := domain.CursorOf("orders", vector)
	ended := cursor
	ended.End = true
	second := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for to, want := range map[string]domain.Start{
		"earliest":                   domain.StartEarliest(),
		"latest":                     domain.StartLatest(),
		"@2026-01-02T15:04:05Z":      domain.StartTime(second),
		"@2026-01-02T17:04:05+02:00": domain.StartTime(second),
		"@1767366245000":             domain.StartTime(second),
		cursor.String():              domain.StartVector(vector),
		ended.String():               domain.StartVector(vector), // an end mark is a cursor here
		cursor.With("others", domain.NewVector(3)).String():                                   domain.StartVector(vector),
		domain.Cursor{Topics: []domain.TopicVector{{Topic: "ord*", Vector: vector}}}.String(): domain.StartVector(vector),
	} {
		status, got := do(t, "POST", url, `{"to":"`+to+`"}`)
		if asked := s.took(); status != 200 || !slices.Equal(asked, []string{"reset orders/billing"}) || !s.to.Equal(want) {
			t.Errorf("%s: %d %s, asked %q for %+v", to, status, got, asked, s.to)
		}
		if got != `{"partitions":[{"partition":0,"committed":25},{"partition":1,"committed":null}]}`+"\n" {
			t.Errorf("%s: %s", to, got)
		}
	}
	before := time.Now()
	status, got := do(t, "POST", url, ` { "t\u006f" : "@-15m" } `, "Content-Type", "text/plain")
	if ago, timed := s.to.Time(); status != 200 || !timed || ago.Before(before.Add(-15*time.Minute)) || ago.After(time.Now().Add(-15*time.Minute)) {
		t.Errorf("%d %s, reset to %s", status, got, ago)
	}
	s.state.Partitions = nil
	if status, got := do(t, "POST", url, `{"to":"latest"}`); status != 200 || got != `{"partitions":[]}`+"\n" {
		t.Errorf("%d %s", status, got)
	}
}

func TestResetsThatCannotBe(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + billing + "/reset"
	cursor := domain.CursorOf("others", domain.NewVector(9)).String()
	damaged := cursor[:8] + "A" + cursor[9:]
	const none = ` is none of earliest, latest, @2026-01-02T15:04:05Z, @1767366245000 (unix ms), @-15m, or a cursor`
	for body, want := range map[string]string{
		``:                              `invalid-request this is not JSON: unexpected end of JSON input`,
		`{"to":"latest"`:                `invalid-request this is not JSON: unexpected end of JSON input`,
		"{\"to\":\"\xff\"}":             `invalid-request this is not UTF-8; bytes that are no text go as base64`,
		`"latest"`:                      `invalid-request this is not a JSON object`,
		`{}`:                            `invalid-request to=""` + none,
		`{"to":""}`:                     `invalid-request to=""` + none,
		`{"to":null}`:                   `invalid-request to: this must be a string`,
		`{"to":5}`:                      `invalid-request to: this must be a string`,
		`{"to":"latest","to":"latest"}`: `invalid-request the field "to" is there twice`,
		`{"to":"latest","queue":"b"}`:   `invalid-request the field "queue" is unknown here; known are to`,
		`{"from":"latest"}`:             `invalid-request the field "from" is unknown here; known are to`,
		`{"to":"-10"}`:                  `invalid-request to="-10"` + none,
		`{"to":"-0"}`:                   `invalid-request to="-0"` + none,
		`{"to":"-15m"}`:                 `invalid-request to="-15m"` + none,
		`{"to":"Earliest"}`:             `invalid-request to="Earliest"` + none,
		`{"to":"@yesterday"}`:           `invalid-request @yesterday is no time: give @2026-01-02T15:04:05Z, @1767366245000 (unix ms) or @-15m`,
		`{"to":"` + cursor + `"}`:       `invalid-cursor the cursor is of another topic than "orders"`,
		`{"to":"` + damaged + `"}`:      `invalid-cursor the cursor is damaged: its checksum does not match; give it back as it came`,
		`{"to":"` + long(5000) + `"}`:   `invalid-cursor the cursor has 5000 bytes; cursors have at most 4096`,
		`{"to":"` + long(20) + `"}`:     `invalid-request to="` + long(20) + `"` + none,
		`{"to":"` + long(64<<10) + `"}`: `too-large the body has more than 65536 bytes, the most that is taken (fixed)`,
	} {
		status, got := do(t, "POST", url, body)
		if code, detail, _ := strings.Cut(want, " "); status < 400 || !strings.HasPrefix(got, `{"code":"`+code+`"`) || !strings.Contains(got, `"detail":`+string(edge.AppendString(nil, detail))+",") {
			t.Errorf("%.80s: %d\ngot  %swant %s", body, status, got, want)
		}
	}
	if asked := s.took(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

// long is what could be a cursor, from its length alone.
func long(n int) string { return strings.Repeat("A", n) }
