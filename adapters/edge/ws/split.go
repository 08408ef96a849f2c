package ws

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"culvert/domain"
)

// split gives the frames in a WebSocket message: one JSON object, with line ends between its tokens if it likes, or one on each line. Blank
// lines are nothing. More than most are a TooLarge error. The frames are parts of message.
func split(message []byte, most int) ([][]byte, error) {
	message = bytes.TrimSpace(message)
	if len(message) == 0 {
		return nil, nil
	}
	if bytes.IndexByte(message, '\n') < 0 || json.Valid(message) {
		return [][]byte{message}, nil
	}
	var frames [][]byte
	for line := range bytes.SplitSeq(message, []byte{'\n'}) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(frames) == most {
			return nil, domain.Errorf(domain.TooLarge, "a WebSocket message may hold %d frames (limits.frames_per_message)", most)
		}
		frames = append(frames, line)
	}
	return frames, nil
}

// isObject reports whether text is a JSON object (RFC 8259), if perhaps one that says a thing twice.
func isObject(text []byte) bool {
	return len(text) > 0 && text[0] == '{' && utf8.Valid(text) && json.Valid(text)
}
