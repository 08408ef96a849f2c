package bench

import "culvert/tests/bench/drive"

// form is how viewers of a row are shown messages.
type form struct {
	name    string
	culvert func(topic string) drive.Dialect
	naive   drive.Dialect
	frames  bool // a limit's viewers speak WebSocket
}

func sse() form {
	return form{name: "SSE", naive: drive.SSE("/events"), culvert: func(topic string) drive.Dialect {
		return drive.SSE("/v1/topics/" + topic + "/events")
	}}
}

func raw() form {
	return form{name: "WebSocket raw", naive: drive.Greeting("/ws"), frames: true, culvert: func(topic string) drive.Dialect {
		return drive.WebSocket("/v1/topics/"+topic+"/ws?mode=view", "culvert.v1.raw")
	}}
}

// envelopes are the forms in which a message comes as JSON, with all that is known of it.
func envelopes() []form {
	return []form{
		{name: "SSE", culvert: func(topic string) drive.Dialect {
			return drive.SSE("/v1/topics/" + topic + "/events?envelope=1")
		}},
		{name: "WebSocket json", frames: true, culvert: func(topic string) drive.Dialect {
			return drive.Subscription("/v1/ws", `{"op":"sub","id":"1","sub":"s","topic":"`+topic+`"}`)
		}},
	}
}

// limit is how a limit's viewers are shown frames of so many bytes: their dialect, and how much longer frames must be than they need be.
func (f form) limit(size int) (dialect drive.Dialect, padding int) {
	if f.frames {
		return drive.WebSocket("/", ""), max(size-payloadSize-drive.TextOverhead(size), 0)
	}
	return drive.SSE("/"), max(size-payloadSize-drive.EventOverhead, 0)
}

// frame is what makes a limit's frame of a payload.
func (f form) frame(padding int) func(to, payload []byte) []byte {
	if f.frames {
		return drive.Text(padding)
	}
	return drive.Event(padding)
}
