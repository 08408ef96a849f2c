package domain_test

import (
	"testing"
	"time"

	"culvert/domain"
)

func TestParseFrom(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	cursor := domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 5})).String()
	for _, c := range []struct {
		from string
		want domain.Start
	}{
		{"latest", domain.StartLatest()},
		{"earliest", domain.StartEarliest()},
		{"-10", domain.StartLast(10)},
		{"-0", domain.StartLast(0)},
		{"@2026-01-02T15:00:00Z", domain.StartTime(now.Add(-4*time.Minute - 5*time.Second))},
		{"@1767366245000", domain.StartTime(now)},
		{"@-15m", domain.StartTime(now.Add(-15 * time.Minute))},
	} {
		got, resume, err := domain.ParseFrom(c.from, now)
		if err != nil || resume != nil || got != c.want {
			t.Errorf("%s: %+v, %v, %v", c.from, got, resume, err)
		}
	}
	if _, resume, err := domain.ParseFrom(cursor, now); err != nil || resume == nil || resume.String() != cursor {
		t.Errorf("cursor: %v, %v", resume, err)
	}
	for from, code := range map[string]domain.Code{
		"":                      domain.InvalidRequest,
		"newest":                domain.InvalidRequest,
		"-":                     domain.InvalidRequest,
		"--5":                   domain.InvalidRequest,
		"-5m":                   domain.InvalidRequest,
		"@":                     domain.InvalidRequest,
		"@yesterday":            domain.InvalidRequest,
		"@--15m":                domain.InvalidRequest,
		cursor[:10]:             domain.InvalidRequest,
		cursor[1:]:              domain.InvalidCursor,
		cursor + "A":            domain.InvalidCursor,
		"-99999999999999999999": domain.InvalidRequest,
	} {
		if _, _, err := domain.ParseFrom(from, now); domain.CodeOf(err) != code {
			t.Errorf("%q: %v, want %s", from, err, code)
		}
	}
}

// Who comes back to a stream that could not be opened must miss nothing in between.
func TestCursorOfAStreamThatCouldNotBeOpened(t *testing.T) {
	now := time.UnixMilli(1_767_366_245_000).UTC()
	had := domain.NewVector(9, domain.Place{Next: 4})
	for name, c := range map[string]struct {
		start domain.Start
		want  *domain.Vector
	}{
		"latest":   {domain.StartLatest(), &domain.Vector{Since: now}},
		"earliest": {domain.StartEarliest(), &domain.Vector{}},
		"last":     {domain.StartLast(7), &domain.Vector{Last: 7}},
		"last 0":   {domain.StartLast(0), &domain.Vector{Since: now}},
		"time":     {domain.StartTime(now.Add(-time.Hour)), &domain.Vector{Since: now.Add(-time.Hour)}},
		"cursor":   {domain.StartVector(had), had},
	} {
		back, err := domain.ParseCursor(domain.CursorOf("t", c.start.VectorAt(now)).String())
		if err != nil || !back.Vector("t").Equal(c.want) {
			t.Errorf("%s: %+v, %v", name, back.Vector("t"), err)
		}
	}
}
