// Package amqp is the broker adapter for RabbitMQ 3.9 and newer, and, without a log, for whatever speaks AMQP 0-9-1 with RabbitMQ's publisher confirms.
//
// # How a topic lies in the server
//
//   - A topic is a durable fanout exchange of its name.
//   - Its log is a stream, {topic}:$log, bound to the exchange. It gives positions, history and times. Where the server has no streams, or streams are off,
//     a topic has no log: views are live only, each through an exclusive queue of its own.
//   - A queue is a durable queue, {topic}:{queue}, bound to the exchange from its first join on.
//
// No topic or queue of ours can have ':' or '$' in its name, so that none of these collide. A Topology says where a team has laid a topic
// out otherwise.
//
// # What talks to the server
//
// An alarm of the server's (memory, disk) stops it from reading whoever publishes, so publishing has a connection of its own, and reading another.
// Each topic that is published to, each Tail and each Join has a channel. Everything is connected when it is first used, and connected anew for ever.
//
// docs/adr/0004-amqp-beside-watermill.md says why the driver is used where Watermill has an AMQP adapter of its own.
package amqp
