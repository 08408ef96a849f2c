package edge

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimesAreThoseOfPackageTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const year = 365 * 24 * 3600
		at := time.Unix(rapid.Int64Range(-3000*year, 9000*year).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(time.FixedZone("", 3600))
		if got, want := string(AppendTime(nil, at)), at.UTC().Format(`"2006-01-02T15:04:05.000Z07:00"`); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}
