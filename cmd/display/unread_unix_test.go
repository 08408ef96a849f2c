//go:build unix

package display

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestUnread(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	gone := make(chan struct{})
	go Unread(t.Context(), write, func() { close(gone) })
	select {
	case <-gone:
		t.Fatal("somebody reads it")
	case <-time.After(50 * time.Millisecond):
	}
	read.Close()
	<-gone

	// It ends with its context, whatever is written to.
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Unread(ctx, file, func() { t.Error("a file has no reader to lose") })
	}()
	cancel()
	<-done
}
