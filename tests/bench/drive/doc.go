// Package drive is the other side of the benchmark: clients light enough not to be what is measured, and what tells the costs of the process that they load.
//
// A Crowd is many viewers in one goroutine: it waits for all their sockets at once, reads each into the same memory, and parses streams and frames by hand without an allocation.
// It looks at every message that it counts: each stream's messages are numbered, and one that is lost, doubled or out of order fails the run.
//
// The clients, like the clocks of other processes, are those of Linux.
package drive
