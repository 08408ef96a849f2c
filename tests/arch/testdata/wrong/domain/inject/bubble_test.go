package inject

import (
	"testing"
	"testing/synctest"
	"time"
)

func bubble(t *testing.T) { synctest.Test(t, func(*testing.T) { time.Sleep(time.Second) }) }
