package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answering is a bridge that answers these requests, a method and a path, with these documents. The empty one is a 204.
func answering(t *testing.T, answers map[string]string) (environment []string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.Method+" "+r.URL.Path]
		switch {
		case !known:
			t.Errorf("it was asked for %s %s", r.Method, r.URL)
			w.WriteHeader(http.StatusTeapot)
		case answer == "":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, answer)
		}
	}))
	t.Cleanup(server.Close)
	return []string{"CULVERT_URL=" + server.URL}
}

func TestWhatIsKnownOfAQueue(t *testing.T) {
	environment := answering(t, map[string]string{
		"GET /v1/topics/orders/queues/billing":   `{"topic":"orders","queue":"billing","order":"key","members":2,"in_flight":3,"oldest_unsettled_ms":1200,"lag":17,"partitions":[{"partition":0,"committed":25,"end":42,"lag":17},{"partition":10,"committed":null,"end":0,"lag":0}],"lease_ms":30000,"max_attempts":5,"dead_letter":"orders.billing.dlq"}`,
		"GET /v1/topics/orders/queues/strange":   `{"topic":"orders","queue":"strange","order":"none","members":0,"in_flight":0,"oldest_unsettled_ms":null,"lag":null,"partitions":null,"lease_ms":60000,"max_attempts":0,"dead_letter":null}`,
		"GET /v1/topics/orders/queues/idle":      `{"topic":"orders","queue":"idle","order":"key","members":1,"in_flight":0,"oldest_unsettled_ms":0,"lag":0,"partitions":[],"lease_ms":500,"max_attempts":1,"dead_letter":"d"}`,
		"GET /v1/topics/orders/queues/secretive": `{"topic":"orders","queue":"secretive","order":"key","members":1,"in_flight":0,"oldest_unsettled_ms":0,"lag":0,"partitions":null,"lease_ms":500,"max_attempts":1,"dead_letter":null}`,
	})
	for queue, want := range map[string]string{
		"billing": `topic             orders
queue             billing
order             key
members           2
in flight         3
oldest unsettled  1.2s
lag               17
lease             30s
attempts          5
dead letters      orders.billing.dlq

PARTITION  COMMITTED  END  LAG
0          25         42   17
10         -          0    0
`,
		"strange": `topic             orders
queue             strange
order             none
members           0
in flight         0
oldest unsettled  -
lag               -
lease             1m0s
attempts          no limit
dead letters      none
`,
		"idle": `topic             orders
queue             idle
order             key
members           1
in flight         0
oldest unsettled  none
lag               0
lease             500ms
attempts          1
dead letters      d
`,
		"secretive": `topic             orders
queue             secretive
order             key
members           1
in flight         0
oldest unsettled  none
lag               0
lease             500ms
attempts          1
dead letters      -
`,
	} {
		stdout, stderr, status := run(t, environment, "queues", "inspect", "orders", queue)
		if status != 0 || stdout != want || stderr != "" {
			t.Errorf("%s ended with %d\n%s%s\nwant\n%s", queue, status, stdout, stderr, want)
		}
	}
	stdout, _, status := run(t, environment, "queues", "inspect", "orders", "strange", "-o", "json")
	if status != 0 || !strings.HasPrefix(stdout, "{\n  \"topic\": \"orders\",\n") || !strings.Contains(stdout, "\"partitions\": null,\n") {
		t.Errorf("in JSON: %d\n%s", status, stdout)
	}
}

func TestAQueueIsChanged(t *testing.T) {
	environment := answering(t, map[string]string{
		"POST /v1/topics/orders/queues/billing/reset":   `{"partitions":[{"partition":0,"committed":7},{"partition":1,"committed":null}]}`,
		"DELETE /v1/topics/orders/queues/billing":       "",
		"POST /v1/topics/orders/queues/billing/redrive": `{"redriven":3}`,
		"POST /v1/topics/orders/queues/stock/redrive":   `{"redriven":1}`,
		"POST /v1/topics/orders/queues/idle/redrive":    `{"redriven":0}`,
	})
	for arguments, want := range map[string]string{
		"reset orders billing --to @-15m":          "queue billing of topic orders is reset and goes on from:\nPARTITION  COMMITTED\n0          7\n1          -\n",
		"reset orders billing --to latest -y":      "queue billing of topic orders is reset and goes on from:\nPARTITION  COMMITTED\n0          7\n1          -\n",
		"reset orders billing --to latest -o json": "{\n  \"partitions\": [\n    {\n      \"partition\": 0,\n      \"committed\": 7\n    },\n    {\n      \"partition\": 1,\n      \"committed\": null\n    }\n  ]\n}\n",
		"delete orders billing":                    "queue billing of topic orders is deleted\n",
		"redrive orders billing":                   "3 dead letters are sent back to queue billing of topic orders\n",
		"redrive orders stock --limit 1":           "1 dead letter is sent back to queue stock of topic orders\n",
		"redrive orders idle":                      "no dead letters: 0 are sent back to queue idle of topic orders\n",
		"redrive orders billing --limit 5 -o json": "{\n  \"redriven\": 3\n}\n",
	} {
		stdout, stderr, status := run(t, environment, append([]string{"queues"}, strings.Fields(arguments)...)...)
		if status != 0 || stdout != want || stderr != "" {
			t.Errorf("%s ended with %d\n%s%s\nwant\n%s", arguments, status, stdout, stderr, want)
		}
	}
}

// A topic may be called like a command.
func TestTheQueuesOfATopicThatIsCalledLikeACommand(t *testing.T) {
	environment := answering(t, map[string]string{
		"GET /v1/topics/inspect/queues": `{"queues":[{"queue":"billing","members":0,"lag":1}],"complete":true}`,
		"GET /v1/topics/list/queues":    `{"queues":[{"queue":"stock","members":0,"lag":1}],"complete":true}`,
	})
	for arguments, queue := range map[string]string{"list inspect": "billing", "list list": "stock", "-- inspect": "billing"} {
		stdout, stderr, status := run(t, environment, append([]string{"queues"}, strings.Fields(arguments)...)...)
		if status != 0 || !strings.Contains(stdout, "\n"+queue+" ") {
			t.Errorf("%s ended with %d\n%s%s", arguments, status, stdout, stderr)
		}
	}
}

// What the bridge refuses is told in its words, and what can be done about it.
func TestAQueueThatCannotBeChanged(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		if strings.Contains(r.URL.Path, "/nothing") {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"code":"unknown-queue","title":"t","detail":"there is none","status":404,"retryable":false}`)
			return
		}
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, `{"code":"conflict","title":"t","detail":"it has members","status":409,"retryable":false}`)
	}))
	defer server.Close()
	const (
		inUse   = "culvert: conflict: it has members; `culvert queues inspect orders billing` tells how many this bridge has\n"
		unknown = "culvert: unknown-queue: there is none; `culvert queues list orders` lists those that there are\n"
	)
	for arguments, want := range map[string]string{
		"reset orders billing --to latest": inUse,
		"delete orders billing":            inUse,
		"redrive orders billing":           "culvert: conflict: it has members\n",
		"reset orders nothing --to latest": unknown,
		"delete orders nothing":            unknown,
		"redrive orders nothing":           unknown,
		"inspect orders nothing":           unknown,
	} {
		stdout, stderr, status := run(t, []string{"CULVERT_URL=" + server.URL}, append([]string{"queues"}, strings.Fields(arguments)...)...)
		if status != 1 || stdout != "" || stderr != want {
			t.Errorf("%s ended with %d\n%s%s\nwant\n%s", arguments, status, stdout, stderr, want)
		}
	}
}
