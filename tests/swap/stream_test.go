package swap

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	"culvert/tests/described"
)

// connection is a stream that the script has opened.
type connection interface {
	// send sends one message. kind is text or binary, which only a WebSocket tells apart.
	send(ctx context.Context, kind, data string) error
	// finish says that nothing more is sent, where the rest of the answer is still to come; elsewhere it is close.
	finish()
	// close is the client's going. Nothing is recorded after it.
	close()
	// given is what it gave.
	given() *lanes
}

// clients never share connections: each has its own, as each browser has. One that asks whether its body is wanted waits for the answer.
var clients = &http.Client{Transport: described.Transport(&http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: patience})}

// stream is SSE, or NDJSON in one direction or both.
type stream struct {
	got     lanes
	several bool // whether it shows several topics, each in a lane of its own
	stop    context.CancelFunc
	body    io.WriteCloser // takes the lines that are sent; nil where none are
	ended   chan struct{}  // closed when the reader has ended
}

// openStream sends a request, and gives what its answer holds as it comes.
func openStream(request *http.Request) (*stream, error) {
	ctx, stop := context.WithCancel(request.Context())
	s := &stream{several: request.URL.Path == "/v1/events", stop: stop, ended: make(chan struct{})}
	request = request.WithContext(ctx)
	if request.Method == http.MethodPost {
		request.Body, s.body = io.Pipe()
		request.ContentLength = -1
	}
	response, err := clients.Do(request)
	if err != nil {
		stop()
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer stop()
		defer close(s.ended)
		text, err := answered(response)
		s.got.put("", text)
		return s, err
	}
	s.got.put("", head(response))
	go func() { // ends with the answer's body, which stop closes
		defer close(s.ended)
		defer response.Body.Close()
		s.read(ctx, bufio.NewReader(response.Body), response.Header.Get("Content-Type"))
	}()
	return s, nil
}

// read takes lines of NDJSON one by one, and of SSE those up to a blank one.
func (s *stream) read(ctx context.Context, r *bufio.Reader, contentType string) {
	var block []string
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" && block == nil {
			s.got.put("", "end")
			return
		}
		if err != nil {
			if gone := ctx.Err() != nil; gone {
				return
			}
			s.got.put("", "broken off by "+err.Error()+" after "+strings.Join(append(block, line), "\n"))
			return
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case contentType != "text/event-stream":
			s.event(line)
		case line != "":
			block = append(block, line)
		default:
			s.event("\n" + strings.Join(block, "\n"))
			block = nil
		}
	}
}

// ofTopic is what of an envelope, or of a gap, tells its topic.
var ofTopic = regexp.MustCompile(`(?m)^(?:data: )?\{(?:"op":"(?:msg|gap)",)?(?:"reason":"[a-z]+",)?"topic":"([^"]+)"`)

// event puts an event, or a line of NDJSON, where it belongs: to its topic where there are several. A mark has a lane of its own, as it comes when it likes.
func (s *stream) event(text string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(text, "\n"), "\n")
	switch {
	case strings.HasPrefix(name, ":"), name == "event: assign", strings.HasPrefix(name, `{"op":"assign"`):
	case name == "event: mark", strings.HasPrefix(name, `{"op":"mark"`):
		s.got.put(markLane, text)
	default:
		lane := ""
		if found := ofTopic.FindStringSubmatch(text); s.several && found != nil {
			lane = found[1]
		}
		s.got.put(lane, text)
	}
}

func (s *stream) given() *lanes { return &s.got }

func (s *stream) send(_ context.Context, _, data string) error {
	if s.body == nil {
		return errors.New("this stream takes nothing")
	}
	_, err := io.WriteString(s.body, data+"\n")
	return err
}

func (s *stream) finish() {
	if s.body != nil {
		s.body.Close()
		return
	}
	s.close()
}

func (s *stream) close() {
	if s.body != nil {
		s.body.Close() // its other side waits for it
	}
	s.stop()
	<-s.ended
}

// answered is a whole answer, which it closes.
func answered(response *http.Response) (string, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	text := head(response)
	if len(body) > 0 {
		text += "\n" + strings.TrimSuffix(string(body), "\n")
	}
	return text, err
}

// head is the status of an answer and those fields of its header that the protocol has.
func head(response *http.Response) string {
	text := response.Status[:3]
	if contentType := response.Header.Get("Content-Type"); contentType != "" {
		text += " " + contentType
	}
	for _, name := range []string{"Allow", "Retry-After", "Upgrade"} {
		if value := response.Header.Get(name); value != "" {
			text += ", " + name + ": " + value
		}
	}
	return text
}
