package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"culvert/domain"
)

func TestDescriptorsAreSharedOut(t *testing.T) {
	for _, descriptors := range []uint64{0, 16, 64, 256, 1024, 20_000, 1 << 20, 1 << 63} {
		s := share(descriptors)
		switch {
		case s.public < 1 || s.streams < 1 || s.operators < 1 || s.reserve < 1:
			t.Errorf("of %d somebody has nothing: %+v", descriptors, s)
		case descriptors > 0 && uint64(s.public+s.reserve) > descriptors:
			t.Errorf("more than %d: %+v", descriptors, s)
		case s.streams > s.public || s.operators+2*s.visitors > s.reserve/2:
			t.Errorf("of %d too little is left: %+v", descriptors, s)
		}
	}
}

// limits.connections promised 20,000 streams where there were descriptors for 1,000.
func TestConnectionsThatDoNotFitAreLowered(t *testing.T) {
	for _, c := range []struct {
		descriptors uint64
		want        int
		told        bool
	}{
		{256, 168, true},
		{1 << 20, 20_000, false},
		{0, 20_000, false},
	} {
		var log bytes.Buffer
		a := &App{cfg: Config{Limits: Limits{Limits: domain.DefaultLimits()}}, log: slog.New(slog.NewTextHandler(&log, nil))}
		a.fitted = func() {}
		a.fit(c.descriptors)
		a.fitted()
		if got := a.cfg.Limits.Connections; got != c.want || strings.Contains(log.String(), "limits.connections") != c.told {
			t.Errorf("with %d descriptors it is %d; want %d. The log says %q", c.descriptors, got, c.want, log.String())
		}
	}
}
