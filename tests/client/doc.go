// Package client holds clients of a bridge as a stranger would write them from the protocol alone: they share no code with it.
package client
