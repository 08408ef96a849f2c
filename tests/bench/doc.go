// Package bench is the benchmark: what Culvert costs beside bare sockets, beside bare clients of the brokers, and beside what is written in an afternoon.
//
// A Work is a kind of work that some contenders do in turn, for a few rounds each, so that what disturbs the machine disturbs all of them. Each is a process of its own (packages drive and
// system), of which a round gives figures. A delivery that is wrong ends the run; a target that is missed is told.
//
//	go tool task bench                                      all of it, short
//	go run ./tests/bench/run -only 'fan-out.*100 viewers'   one row
package bench
