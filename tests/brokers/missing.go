package brokers

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// MissingError says that something which a broker needs is not on this machine.
type MissingError struct {
	What string // what is missing
	Mend string // the one command that mends it
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing; this mends it: %s", e.What, e.Mend)
}

// Strict reports whether a broker that cannot be had is a failure: CI=true or CULVERT_TEST_STRICT=1.
func Strict() bool {
	for _, name := range []string{"CI", "CULVERT_TEST_STRICT"} {
		if on, err := strconv.ParseBool(os.Getenv(name)); err == nil && on {
			return true
		}
	}
	return false
}

// Without ends the test, which cannot run without a broker, or something else that this machine does not have.
func Without(t testing.TB, broker string, err error) {
	t.Helper()
	if Strict() {
		t.Fatalf("no %s to test with: %v", broker, err)
	}
	t.Skipf("no %s to test with: %v", broker, err)
}
