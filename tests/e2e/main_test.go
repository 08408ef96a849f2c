package e2e

import (
	"os"
	"testing"

	"culvert/tests/bridge"
)

func TestMain(m *testing.M) {
	code := m.Run()
	bridge.Clean()
	os.Exit(code)
}
