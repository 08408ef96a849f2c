package browser

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"culvert/tests/bridge"
)

// stored is a message of a topic as the API tells it, and as the console's download does.
type stored struct {
	Op, Topic         string
	Partition, Offset int64
	Key, Key64        *string
	Headers           json.RawMessage
	Time              string
	Payload           json.RawMessage
	Text, Base64      *string
}

// storedIn is what a topic has, in the order in which it is told.
func storedIn(t *testing.T, b *bridge.Bridge, topic string) []stored {
	t.Helper()
	return parsed(t, ask(t, b.URL+"/v1/topics/"+topic+"/events?from=earliest&to=latest", "application/x-ndjson"))
}

// parsed are the lines of NDJSON that are messages.
func parsed(t *testing.T, lines string) (all []stored) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var m stored
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if m.Op == "msg" {
			all = append(all, m)
		}
	}
	return all
}

// inOrder sorts messages by their places.
func inOrder(messages []stored) []stored {
	slices.SortFunc(messages, func(a, b stored) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return messages
}

// same reports whether these are the same messages, in the same order.
func same(a, b []stored) bool {
	return slices.EqualFunc(a, b, func(a, b stored) bool { return a.String() == b.String() })
}

// String is the message as one line, with all that is known of it.
func (m stored) String() string {
	text, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// ask is what the API answers.
func ask(t *testing.T, url, accept string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	answer, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v: %s", url, answer.Status, err, body)
	}
	return string(body)
}
