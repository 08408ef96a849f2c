// Package slow proves that a slow viewer is nobody else's trouble: with the real binary, a crowd that never reads, and viewers that do.
package slow
