// Package subscribe shows topics to viewers.
//
// A topic that somebody views has one feed: one reader of the broker, which appends to one bounded log in memory. A viewer is
// a place in that log, and the vector that says the same in the broker's terms. It is in one of three states:
//
//   - shared: its vector is the log's own at its place. It is given whole runs, whose frames everybody shares.
//   - own: it came in from a cursor or a replay, and has seen more of some partitions than the log at its place tells. It skips
//     what it has seen, its cursors are rendered for it alone, until its vector equals the log's.
//   - replay: the log does not reach back to its vector. A reader of its own reads from the broker's log, until every
//     partition has met the log; the meeting points are positions, so that nothing is lost or doubled.
//
// A viewer that falls out of the log goes back to replay, jumps to the end, or is let go, as it asked. It never holds anybody up.
package subscribe
