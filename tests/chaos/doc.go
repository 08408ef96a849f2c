// Package chaos breaks what a bridge stands on while it is at work, and holds it to what the protocol promises (PROTOCOL §7): real brokers are killed, starved and cut off behind a
// faulty network, bridges and clients die, and an oracle that has heard of every message wants each one that was acked with every viewer, once and in its key's order, or behind
// a gap; and settled or dead-lettered in a queue. What the bridge used for it must come back.
//
// A row of the matrix is one way in which things break (rows); it runs on each kind of broker for which it makes sense. `go test` runs all of them at a small size, `go tool task chaos` at a large
// one, after which the table in docs/reliability.md says what was seen. What a run does at random follows from its seed (CULVERT_CHAOS_SEED), which it logs; each row on each kind of
// broker draws from a source of its own, so that one can be repeated alone:
//
//	CULVERT_CHAOS_SEED=7 go tool task chaos -- -run 'TestChaos/kafka/broker_killed'
package chaos
