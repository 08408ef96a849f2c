// Package client holds clients of a bridge as a stranger would write them from the protocol alone: they share no code with it. What they are
// answered is held to the bridge's descriptions: see package described.
package client
