// Package domain is Culvert's vocabulary. It imports the standard library only, and everything else imports it.
//
// # The map
//
//	domain ◄── ports ◄── domain/{inject,subscribe,queue}     what Culvert does
//	   ▲         ▲
//	   └─ adapters/{broker,edge}/…                           how it touches the world
//	                ▲
//	               app ◄── cmd/culvert                       how it is put together
//
// # Glossary
//
// One word for one idea, in code, logs and documents:
//
//   - topic: a named stream of messages in a broker.
//   - pattern: a topic, or a name with * for those that fit it, also when they appear later.
//   - queue: a named group of competing readers of one topic.
//   - message: key, headers, payload, time and position. No payload at all is a tombstone.
//   - position: where a message stands in its topic: partition and offset.
//   - place: the position in one partition before which everything has been seen.
//   - vector: a place for each partition of one topic, and the topic's epoch.
//   - epoch: one incarnation of a topic; a topic deleted and made anew has another.
//   - fingerprint: 32 bits of a message by which a place is known again, where the broker's topics have no identity of their own.
//   - cursor: vectors of one or more topics as one opaque string, what a client stores to come back.
//   - chunk: what a broker's reader yields: messages of one partition, and where reading goes on.
//   - run: a chunk as it stands in the log: neighbours that are encoded once and shared by all viewers.
//   - log: the bounded stretch of a topic that is kept in memory.
//   - feed: the one reader of a topic in this node, and the log that it fills.
//   - stream: what a viewer is given of its topics, in one sequence and with one cursor.
//   - viewer: a place in the log of each of its topics. It is not a buffer.
//   - track: one of these places: a stream's in one topic.
//   - bell: what wakes a viewer when one of its logs has something for it.
//   - replay: reading from the broker's own log until the feed's log is met; the reader is shared by who lacks about the same.
//   - splice: to leave a replay for the feed's log, where that has all that is lacking.
//   - stop: where a stream was asked to end.
//   - gap: messages that a viewer or a queue will never see, announced with their number.
//   - lane: this node's membership in one queue, shared by the members connected to it.
//   - claim: one partition that the broker has given to this node's lane.
//   - member: one client that takes part in a queue.
//   - lease: a message given to one member, until it is settled, handed back, or the lease ends.
//   - receipt: the opaque string that names one lease.
//   - peek: a view of a topic from a queue's place on, which takes nothing.
//   - dead letter: a message that was tried too often, in a topic for such; to redrive it is to send it back to its queue.
//   - settle: to say of a message that its queue is finished with it.
//   - ack: a broker's confirmation of an injected message.
//   - window: how many injected messages of one connection may be unconfirmed.
package domain
