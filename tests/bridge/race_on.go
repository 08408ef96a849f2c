//go:build race

package bridge

// raced says whether the tests run with the race detector, and so the bridge does.
const raced = true
