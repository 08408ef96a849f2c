// Package ws is the WebSocket edge (RFC 6455, PROTOCOL §4): culvert.v1.json, many topics in both directions, and
// culvert.v1.raw, one topic or queue with bare payloads.
//
// # The way of a frame
//
// In: Melody's read loop hears one message at a time and hands it to the socket's dialect, which puts it before the injector or starts
// and steers subscriptions. While the dialect is held up, by a full window for example, nothing more is read: that is the back-pressure.
//
// Out: views are served by the edge's writers, a few goroutines for all sockets, each by its [way]; a membership, and a view that waits for credit or gives what is the newest when it is asked, pulls in a
// goroutine of its own; and answers come from the injector's. All write whole frames to the socket's one [wire], in turn. Nothing is queued in between, so nothing can be dropped, and a client that does
// not read holds up nobody but itself: the writers write what it takes at once, and what is left waits for it in a goroutine that lives as long as that takes.
//
// # What Melody does, and what not
//
// Melody upgrades, keeps the sessions, reads, pings and notices the end. Its own sending is not used: it queues in a buffer and drops
// silently when that is full. What gorilla and Melody still write themselves (the handshake's answer, pings, pongs and closes) goes through the
// same wire as our frames, because the wire is what they are given for a connection.
//
// # What an idle socket has
//
// The handler returns when the handshake is agreed upon, so that net/http lets go of the request, its buffers and its goroutine; the connection is taken from it. What is left are Melody's two
// goroutines, of which one reads. It has no buffer to read into before there is something to read: see [intake].
package ws
