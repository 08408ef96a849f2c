// Package subscribe shows topics to viewers.
//
// A topic that somebody views has one feed: one reader of the broker, which appends to one bounded log in memory. A viewer has
// one stream, and a track in each of its topics: a place in the topic's log, and the vector that says the same in the broker's terms. A track is in one of three states:
//
//   - shared: its vector is the log's own at its place. It is given whole runs, whose frames everybody shares.
//   - own: it came in from a cursor or a replay, and has seen more of some partitions than the log at its place tells. It skips
//     what it has seen, its cursors are rendered for it alone, until its vector equals the log's. One that has an end stays so, and
//     the cursors of several topics are always their stream's own.
//   - replay: the log does not reach back to its vector. A reader reads from the broker's log, for all who lack about the same, until every
//     partition has met the log; the meeting points are positions, so that nothing is lost or doubled.
//
// A track that falls out of the log goes back to replay, jumps to the end, or its viewer is let go, as that asked. It never holds anybody up.
package subscribe
