package domain

import (
	"math"
	"testing"
	"time"
)

func TestRateIsWhatComesInASecond(t *testing.T) {
	var r Rate
	now := time.Now()
	if got := r.PerSecond(now); got != 0 {
		t.Errorf("of nothing it is %v", got)
	}
	for range 20 * 50 { // twenty seconds
		now = now.Add(20 * time.Millisecond)
		r.Add(4, now)
	}
	if got := r.PerSecond(now); math.Abs(got-200) > 2 {
		t.Errorf("of 200 a second it is %v", got)
	}
	if got := r.PerSecond(now.Add(rateMemory)); math.Abs(got-200/math.E) > 2 {
		t.Errorf("some seconds after 200 a second it is %v", got)
	}
	if got := r.PerSecond(now.Add(time.Minute)); got != 0 {
		t.Errorf("a minute later it is %v", got)
	}
	if n := testing.AllocsPerRun(100, func() { r.Add(1, now) }); n != 0 {
		t.Errorf("counting allocates %v times", n)
	}
}
