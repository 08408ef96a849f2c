// Package client speaks the public protocol of a running bridge, as a stranger would who has read nothing but docs/protocol.md: it shares
// no code with the bridge. An API asks; Follow views a topic or works for a queue, and comes back by itself; a Publisher injects, and
// resends what has no outcome.
//
// Its WebSockets are coder/websocket's, which knows contexts, and is another implementation than the one that answers.
package client
