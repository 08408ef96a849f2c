// Package broker makes a broker of any Watermill pair, and holds what all broker adapters share: the codec between our messages and
// Watermill's.
//
// # The door for every other Watermill backend
//
// Watermill (github.com/ThreeDotsLabs/watermill) has publishers and subscribers for some twenty backends. Any of them is a broker here:
//
//	pair, err := broker.NewPair(publisher, subscriber, broker.DefaultConfig())
//
// A Watermill pair can carry messages and nothing else: it has no positions, no history, no queues of ours, no time to seek to. Pair adds them:
//
//   - A topic is subscribed to once, when it is first published to, viewed or joined, and each message is acknowledged as soon as it is in
//     a bounded log in memory. Positions are offsets in that log; its epoch is random, so a cursor of another process is answered with a gap and not
//     with other messages.
//   - A reader is a place in the log. A slow one holds nobody up and costs nothing; one that retention overtook is told exactly how many messages it lost.
//   - A queue is a lane over the log: one member reads at a time, the others stand by. Its place lives as long as the process.
//   - Messages go to the publisher one after the other, topic by topic, so that their order holds under concurrent publishers. Where nobody but the pair reads them, one Watermill message
//     carries many (Config.Parcels).
//
// What a pair can do beyond that depends on the backend, and Watermill cannot say it: Config's ReceiptPosition, KeyOrder and Catalogue
// are what the caller knows of it.
//
// A message of another Watermill application arrives with its metadata as headers, sorted by name. Ours arrive there with headers as metadata,
// and, where metadata cannot carry something, with reserved entries beside them (MetadataKey and the others).
package broker
