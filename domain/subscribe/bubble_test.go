package subscribe

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs one case of a property in a bubble, so that time and goroutines are the test's. The property fails by panicking, which
// has to be carried out of the bubble, after what the case started was ended.
func bubble(t *testing.T, f func(ctx context.Context)) {
	t.Helper()
	var failure any
	synctest.Test(t, func(*testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		func() {
			defer func() { failure = recover() }()
			f(ctx)
		}()
		cancel()
		time.Sleep(time.Minute) // longer than any feed lingers
	})
	if fmt.Sprintf("%T", failure) == "rapid.invalidData" {
		panic(failure) // rapid tells failures apart by their line: this is none
	}
	if failure != nil {
		panic(failure)
	}
}
