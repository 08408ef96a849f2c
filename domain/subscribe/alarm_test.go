package subscribe

import (
	"testing"
	"testing/synctest"
	"time"
)

// A view that was to end at a time ended when so much time had gone by as it was away: too early where the clock was set back meanwhile, so that messages from before that time were
// missing at its end, and too late where it was set forward.
func TestAnAlarmGoesByTheWallClock(t *testing.T) {
	for name, c := range map[string]struct {
		set         time.Duration // after a second
		least, most time.Duration // until it rings
	}{
		"the clock is not set": {0, time.Minute, time.Minute},
		"set back":             {-time.Hour, time.Hour + time.Minute, time.Hour + time.Minute},
		"set forward":          {time.Hour, time.Second, time.Second + alarmLooks},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				now := func() time.Time {
					now := time.Now().Round(0)
					if time.Since(begun) >= time.Second {
						now = now.Add(c.set)
					}
					return now
				}
				rang := make(chan struct{})
				a := newAlarm(now().Add(time.Minute), now, func() { close(rang) })
				defer a.stop()
				<-rang
				if took := time.Since(begun); took < c.least || took > c.most {
					t.Errorf("it rang after %s, want %s to %s", took, c.least, c.most)
				}
			})
		})
	}
}

func TestAnAlarmThatIsStoppedDoesNotRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm(time.Now().Add(time.Minute), time.Now, func() { t.Error("it rang") })
		time.Sleep(time.Second)
		a.stop()
		a.stop()
		time.Sleep(time.Hour)
	})
}
