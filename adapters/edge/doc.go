// Package edge is what all edges share: the one table that turns errors into statuses and close codes, the JSON that
// clients send and get, the parameters of streams, and the HTTP server that the edges put their routes on.
//
// The JSON of the server is written by Append functions without reflection. Those named …Body append the members of an object and its
// closing brace, without the opening one: each edge puts its own head before a shared body, `{` in an SSE envelope,
// `{"op":"msg",` in NDJSON and `{"op":"msg","sub":"a",` on a WebSocket.
package edge
