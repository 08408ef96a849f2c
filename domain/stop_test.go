package domain_test

import (
	"testing"
	"time"

	"culvert/domain"
)

func TestParseTo(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	cursor := domain.CursorOf("orders", domain.NewVector(1, domain.Place{Next: 5})).String()
	for to, want := range map[string]domain.Stop{
		"latest":                {Latest: true},
		"@2026-01-02T15:00:00Z": {Time: now.Add(-4*time.Minute - 5*time.Second)},
		"@1767366245000":        {Time: now},
		"@-15m":                 {Time: now.Add(-15 * time.Minute)},
	} {
		if got, err := domain.ParseTo(to, now); err != nil || got != want {
			t.Errorf("%s: %+v, %v", to, got, err)
		}
	}
	if got, err := domain.ParseTo(cursor, now); err != nil || got.Latest || !got.Time.IsZero() || got.Cursor.String() != cursor {
		t.Errorf("cursor: %+v, %v", got, err)
	}
	for to, code := range map[string]domain.Code{
		"":           domain.InvalidRequest,
		"earliest":   domain.InvalidRequest,
		"-10":        domain.InvalidRequest,
		"@":          domain.InvalidRequest,
		"@--15m":     domain.InvalidRequest,
		cursor[:10]:  domain.InvalidRequest,
		cursor[1:]:   domain.InvalidCursor,
		cursor + "A": domain.InvalidCursor,
	} {
		if _, err := domain.ParseTo(to, now); domain.CodeOf(err) != code {
			t.Errorf("%q: %v, want %s", to, err, code)
		}
	}
}

// Whatever is asked for is one end, or an error that says so.
func FuzzParseTo(f *testing.F) {
	for _, s := range []string{"latest", "@-15m", "@1767366245000", "@2026-01-02T15:04:05.5+02:00", "@-0s", "@9999999999999999999", "-3", "latest "} {
		f.Add(s)
	}
	f.Add(domain.CursorOf("a.*", &domain.Vector{}).String())
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		stop, err := domain.ParseTo(s, now)
		if err != nil {
			if code := domain.CodeOf(err); code != domain.InvalidRequest && code != domain.InvalidCursor {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		ends := 0
		for _, set := range []bool{stop.Latest, !stop.Time.IsZero(), stop.Cursor != nil} {
			if set {
				ends++
			}
		}
		if ends != 1 {
			t.Errorf("%q was read as %+v", s, stop)
		}
	})
}
