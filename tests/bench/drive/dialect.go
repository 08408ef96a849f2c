package drive

import "fmt"

// Dialect is how a viewer speaks: what it asks for, and what it is answered in.
type Dialect struct {
	path        string
	subprotocol string
	hello       []byte // what is sent behind the handshake
	frames      bool   // the answer is WebSocket frames, not an event stream
	greeted     bool   // the first of them says that it is ready
}

// SSE is an event stream at path.
func SSE(path string) Dialect { return Dialect{path: path} }

// WebSocket is one at path, which is ready with its handshake.
func WebSocket(path, subprotocol string) Dialect {
	return Dialect{path: path, subprotocol: subprotocol, frames: true}
}

// Greeting is one whose first message is no message, but says that it is ready.
func Greeting(path string) Dialect { return Dialect{path: path, frames: true, greeted: true} }

// Subscription is a WebSocket in culvert.v1.json at path, which is ready when its frame sub has been answered.
func Subscription(path, sub string) Dialect {
	return Dialect{path: path, subprotocol: "culvert.v1.json", hello: appendFrame(nil, []byte(sub)), frames: true}
}

// request is the head of the viewer's request.
func (d Dialect) request(host string) []byte {
	if !d.frames {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", d.path, host)
	}
	return handshake(host, d.path, d.subprotocol)
}

// handshake is the request of RFC 6455 §4.1.
func handshake(host, path, subprotocol string) []byte {
	text := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", path, host)
	if subprotocol != "" {
		text = fmt.Appendf(text, "Sec-WebSocket-Protocol: %s\r\n", subprotocol)
	}
	return append(text, "\r\n"...)
}
