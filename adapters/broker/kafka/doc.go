// Package kafka is the broker adapter for Apache Kafka 2.8 and newer, and for what speaks its protocol.
//
// What it writes is what a Java client would have written: the partition of a key is Kafka's murmur2, headers are Kafka headers, a tombstone is a
// null value, the timestamp is the message's time. Besides, each message carries the UUID header of Watermill's Kafka marshaler
// (kafka.UUIDHeaderKey of watermill-kafka), so that Watermill applications read ours as their own; in theirs the header is not shown.
//
// # What talks to the cluster
//
// One TCP connection of Kafka answers one request after the other, so a long poll on it holds up whatever comes behind. Publishing, administration, each
// Tail and each Join therefore have connections of their own:
//
//   - Publish: one asynchronous, idempotent producer (publish.go), fed so that a partition without a leader never stops another.
//   - Tail: a generation of fetchers, one for each leader, that is ended and begun anew whenever the topic's metadata change (tail.go, fetch.go).
//     It reads batches, not messages, because only these show the place after control records and compacted offsets.
//   - Join: sarama's cooperative consumer group (join.go), one for each call.
//   - All else: one administration client (admin.go).
//
// A context ends what was started under it at once, because it closes the connections (dial.go): sarama itself knows no contexts.
//
// docs/adr/0002-kafka-beside-watermill.md says why sarama is used where Watermill has a Kafka adapter of its own.
package kafka
