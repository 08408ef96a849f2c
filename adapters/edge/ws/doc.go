// Package ws is the WebSocket edge (RFC 6455, PROTOCOL §4): culvert.v1.json, many topics in both directions, and
// culvert.v1.raw, one topic or queue with bare payloads.
//
// # The way of a frame
//
// In: Melody's read loop hears one message at a time and hands it to the socket's dialect, which puts it before the injector or starts
// and steers subscriptions. While the dialect is held up, by a full window for example, nothing more is read: that is the back-pressure.
//
// Out: every subscription pulls its own stream in a goroutine of its own, every answer comes from the injector's, and all write whole frames to the
// socket's one [wire], in turn. Nothing is queued in between, so nothing can be dropped, and a client that does not read holds up
// nobody but itself.
//
// # What Melody does, and what not
//
// Melody upgrades, keeps the sessions, reads, pings and notices the end. Its own sending is not used: it queues in a buffer and drops
// silently when that is full. What gorilla and Melody still write themselves (the handshake's answer, pings, pongs and closes) goes through the
// same wire as our frames, because the wire is what they are given for a connection.
package ws
