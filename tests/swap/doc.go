// Package swap holds one script of client actions that is played to a bridge on every broker. What the bridge answers is the same on all of them, save for
// what a capability declares.
//
// The script lies in testdata, a chapter a file. A chapter is its own golden: it holds what the clients do and what they get back, and each broker is judged by it.
// UPDATE_GOLDEN=1 writes what was got anew: the first broker writes, the others are judged by what it wrote.
//
//	→ POST /v1/topics/prices/messages      a request; below it its header, a blank line, its body
//	  Culvert-Key: GOOG
//
//	  {"price":187.2}
//	← 200 application/json                 its answer
//	  {<receipt-position>,"time":"<time>"}
//	→ until GET /v1/topics/prices/queues/q asks again and again until the answer is the one below, which a broker may tell with a delay
//	→ a = GET /v1/topics/prices/events     opens a stream called a; POST is one that takes lines, WS a WebSocket, with its subprotocols after the path
//	← a 200 text/event-stream              the head of its answer
//	← a                                    the next event of a, line by line
//	  id: <cursor>
//	  data: {"price":187.2}
//	→ s {"op":"unsub","id":"8","sub":"x"}  a text frame, or a line, for the stream s; several in one message are a block below
//	→ s binary "\xff"                      a binary frame; text "…" is one that is no JSON
//	← s.x {"op":"end",…}                   the next frame of s that belongs to its sub x, or else to the id x
//	← a.prices                             the next event of a stream from /v1/events that is of the topic prices
//	← a.mark, ← s.x.mark                   the next mark of a stream, of a sub
//	→ a finish                             the client has sent its last line
//	→ a close                              the client goes away
//	← a end                                the server ended the stream; a WebSocket's is close, with code and reason
//	keep second a:id                       {second} stands for the id of what a gave last; {a:id} is it right away, {answer:time} is of a request
//	with history: … without history: … end what is between is played, and judged, where the topic's broker has the capability, or has it not
//	topic prices                           whose capabilities count from here on; a view makes it first, where that makes topics
//	→ stop                                 the bridge is told to end
//
// A line that begins with # is for readers. In what is sent {4*x} stands for xxxx, and a body in quotes is Go's way to write any bytes.
//
// Streams run side by side, so what they give is recorded apart for each stream, for each topic where a stream has several, and for each sub and id of a WebSocket, in
// the order in which the script asks for it. Heartbeats are passed over, and so are marks that the script does not ask for, and assign: when partitions are dealt out
// is the broker's affair. What differs from run to run is masked, where it has the form that the protocol gives it. <receipt-position> is partition and offset where
// the broker has that capability, and must be nothing where it has it not.
//
// A chapter is played with script.yaml, or with a configuration of its own that is called as it is.
package swap
