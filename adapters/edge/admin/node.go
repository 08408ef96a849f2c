package admin

import (
	"time"

	"culvert/adapters/edge"
)

// Time is a time as all of the protocol writes it.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) { return edge.AppendTime(nil, t.Time), nil }

// Info is what the node is.
type Info struct {
	Version string `json:"version"`
	Started Time   `json:"started"`
	// Node is the name of its machine.
	Node string `json:"node"`
	// URL is where clients reach the node, as far as it knows that.
	URL string `json:"url"`
	// Demo says that the messages are made up.
	Demo    bool   `json:"demo"`
	Brokers []Kind `json:"brokers"`
}

// Kind is a broker by its configured name.
type Kind struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// Health is how the node fares.
type Health struct {
	// Ready is what /readyz says.
	Ready       bool            `json:"ready"`
	Uptime      float64         `json:"uptime_s"`
	Brokers     []BrokerHealth  `json:"brokers"`
	Memory      Memory          `json:"memory"`
	Goroutines  int             `json:"goroutines"`
	Descriptors Descriptors     `json:"descriptors"`
	Connections ConnectionCount `json:"connections"`
	Rates       Rates           `json:"rates"`
}

// BrokerHealth is whether a broker can be reached.
type BrokerHealth struct {
	Kind
	Reachable bool `json:"reachable"`
	// Detail is why it cannot be; nil where it can.
	Detail *string `json:"detail"`
	// Since is when the node found that first.
	Since Time `json:"since"`
}

// Memory is what is in use.
type Memory struct {
	// Heap is what the objects of the program have, garbage that was not collected yet included.
	Heap int64 `json:"heap"`
	// Limit is how much the process shall have altogether; nil where nothing says so.
	Limit *int64 `json:"limit"`
	// Overloaded says that new streams and sockets are refused.
	Overloaded bool `json:"overloaded"`
}

// Descriptors are those of the process; nil where the system does not tell.
type Descriptors struct {
	Open  *int    `json:"open"`
	Limit *uint64 `json:"limit"`
}

// ConnectionCount is of streams and sockets, on all listeners.
type ConnectionCount struct {
	Open int `json:"open"`
	// Limit is how many there may be on the public listener.
	Limit int `json:"limit"`
}

// Rates are what came and went a second, over the last seconds.
type Rates struct {
	In  float64 `json:"in"`  // messages that brokers confirmed
	Out float64 `json:"out"` // messages that were given to clients
	// BytesOut are those that were written to streams and sockets.
	BytesOut float64 `json:"bytes_out"`
}

// Setting is one value of the configuration, as it counts.
type Setting struct {
	Key string `json:"key"`
	// Value is a string, a number, a boolean, or a list; a secret that is set is hidden.
	Value  any    `json:"value"`
	Source Source `json:"source"`
	Secret bool   `json:"secret"`
}

// Source is who has said a value.
type Source string

// The sources.
const (
	SourceDefault     Source = "default"
	SourceFile        Source = "file"
	SourceEnvironment Source = "environment"
	SourceFlag        Source = "flag"
	// SourceProgram: who made the node without a configuration file, or the node itself, which has lowered a limit to what its machine gives.
	SourceProgram Source = "program"
)
