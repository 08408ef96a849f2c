package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"culvert/tests/described"
)

// Event is one block of an event stream, as WHATWG HTML "server-sent events" has it.
type Event struct {
	Type  string // "message" where the block names none
	ID    string
	Data  string
	Retry string
}

// SSE is an open event stream.
type SSE struct {
	Response *http.Response
	lines    *bufio.Reader
	lastID   string
}

// OpenSSE requests an event stream. lastID, where it is not empty, is where the last one broke. An answer other than 200 is an error
// that holds its body. ctx is the lifetime of the stream.
func OpenSSE(ctx context.Context, url, lastID string) (*SSE, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := over(ctx, streams).Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		return nil, &StatusError{request, response.StatusCode, body}
	}
	return &SSE{Response: response, lines: bufio.NewReader(response.Body), lastID: lastID}, nil
}

// StatusError is an answer that is not a 200.
type StatusError struct {
	Request *http.Request
	Status  int
	Body    []byte
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s %s", e.Request.Method, e.Request.URL, e.Status, http.StatusText(e.Status), e.Body)
}

// streams never shares a connection: each stream has its own, as each browser has.
var streams = &http.Client{Transport: described.Transport(&http.Transport{DisableKeepAlives: true, DialContext: dial})}

// requests are short and share connections.
var requests = &http.Client{Transport: described.Transport(http.DefaultTransport), Timeout: time.Minute}

// Next blocks until a block is complete. A block that has no data is passed over, as browsers do; its id counts.
func (s *SSE) Next() (Event, error) {
	e := Event{Type: "message", ID: s.lastID}
	var data []string
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return Event{}, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			s.lastID = e.ID
			if data != nil {
				e.Data = strings.Join(data, "\n")
				return e, nil
			}
			e.Type, e.Retry = "message", ""
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			e.Type = value
		case "data":
			data = append(data, value)
		case "id":
			e.ID = value
		case "retry":
			e.Retry = value
		}
	}
}

// Until reads up to the first event of a type.
func (s *SSE) Until(eventType string) (Event, error) {
	for {
		e, err := s.Next()
		if err != nil || e.Type == eventType {
			return e, err
		}
	}
}

// Drained reports whether all that has arrived was given by Next.
func (s *SSE) Drained() bool { return s.lines.Buffered() == 0 }

// Close ends the stream.
func (s *SSE) Close() { s.Response.Body.Close() }

// Settle posts what became of leases of a stream: body is what PROTOCOL §3 has for `done`.
func Settle(ctx context.Context, base, stream string, body any) (settled int, unknown []string, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	var answer struct {
		Settled int      `json:"settled"`
		Unknown []string `json:"unknown"`
	}
	err = Post(ctx, base+"/v1/streams/"+stream+"/done", "application/json", text, &answer)
	return answer.Settled, answer.Unknown, err
}

// Post sends a body and reads the JSON of the answer, which must be a 200.
func Post(ctx context.Context, url, contentType string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	return Do(request, answer)
}

// Get reads the JSON of an answer, which must be a 200.
func Get(ctx context.Context, url string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	return Do(request, answer)
}

// Text reads an answer, which must be a 200.
func Text(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return do(request)
}

// Do sends a request and reads the JSON of the answer, which must be a 200.
func Do(request *http.Request, answer any) error {
	text, err := do(request)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

func do(request *http.Request) ([]byte, error) {
	response, err := requester(request.Context()).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = &StatusError{request, response.StatusCode, text}
	}
	return text, err
}
