package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNotesAboveTheProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		n := newNotes(&out)
		n.say("first")
		calls := 0
		stop := n.progress(func() string { calls++; return fmt.Sprint(calls, " confirmed") })
		time.Sleep(500 * time.Millisecond)
		n.trouble(errors.New("it broke"), 1234*time.Millisecond)
		stop()
		n.trouble(errors.New("it cannot be settled"), 0)
		const want = "first\n" + clearLine + "1 confirmed" + clearLine + "2 confirmed" + clearLine + "culvert: it broke; trying again in 1.2s\n2 confirmed" + clearLine + "culvert: it cannot be settled\n"
		if out.String() != want {
			t.Errorf("got %q\nwant %q", out.String(), want)
		}
	})
}
