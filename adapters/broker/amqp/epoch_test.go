package amqp

import "testing"

func TestEpochs(t *testing.T) {
	var e epochs
	first := e.of("orders:$log")
	if first == 0 || first>>32 != 0 {
		t.Errorf("the first epoch is %x", first)
	}
	if e.of("bills:$log") == first {
		t.Error("two logs have one epoch")
	}
	second := e.after("orders:$log", first)
	if second == first || e.after("orders:$log", first) != second || e.of("orders:$log") != second {
		t.Errorf("after %x comes %x, and for the next one who sees it %x", first, second, e.of("orders:$log"))
	}
	if third := e.after("orders:$log", second); third == second || third == first {
		t.Errorf("after %x and %x comes %x", first, second, third)
	}
	for _, epoch := range []struct {
		name string
		ours bool
	}{{"orders:$log", true}, {"bills:$log", false}} {
		if ours(epoch.name, second) != epoch.ours || !ours(epoch.name, 0) {
			t.Errorf("%x is one of %s: %t", second, epoch.name, !epoch.ours)
		}
	}
}
