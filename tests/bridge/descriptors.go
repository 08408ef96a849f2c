package bridge

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// StartWithin gives a Start whose process may have so many descriptors.
func StartWithin(descriptors int) func(testing.TB, ...string) *Bridge {
	return func(t testing.TB, environment ...string) *Bridge {
		t.Helper()
		limited := func() (string, error) {
			path, err := build()
			if err != nil {
				return "", err
			}
			script := filepath.Join(t.TempDir(), "culvert")
			line := fmt.Sprintf("#!/bin/sh\nulimit -n %d && exec '%s' \"$@\"\n", descriptors, path)
			return script, os.WriteFile(script, []byte(line), 0o700)
		}
		return start(t, limited, environment)
	}
}
