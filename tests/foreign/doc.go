// Package foreign holds tests with programs that are not ours on the other side of a topic: Apache's own console producer and consumer, Python's pika, and
// Watermill applications. Our side is the real binary, used by a client that knows nothing but the protocol.
package foreign
