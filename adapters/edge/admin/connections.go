package admin

import (
	"math"
	"net/http"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
)

// ConnectionList is who is connected.
type ConnectionList struct {
	// Connections are the newest, in that order, as many as were asked for.
	Connections []Connection `json:"connections"`
	// Total is how many there are of those that were asked about.
	Total int `json:"total"`
}

// Connection is a stream or a socket that is open.
type Connection struct {
	ID string `json:"id"`
	// Remote is the client's address: behind proxies that are configured, the one that they were asked by.
	Remote   string `json:"remote"`
	Protocol string `json:"protocol"`
	// HTTP is its version.
	HTTP  string `json:"http"`
	Since Time   `json:"since"`
	Views []View `json:"views"`
	// Rate is how many messages a second pass in both directions.
	Rate float64 `json:"rate"`
	// BytesOut is what was written to the client, up to a second ago.
	BytesOut int64 `json:"bytes_out"`
	// UserAgent is what the client says of itself; nil: nothing.
	UserAgent *string `json:"user_agent"`
}

// View is one thing that a client has opened.
type View struct {
	// Topic may be a pattern, beside the topics that have joined by it.
	Topic domain.Pattern `json:"topic"`
	Queue *domain.Queue  `json:"queue"`
	Mode  string         `json:"mode"`
	// Behind is how many offsets the client lacks of what this node has read, and BehindMS since when; nil where there is no telling.
	Behind   *int64 `json:"behind"`
	BehindMS *int64 `json:"behind_ms"`
}

// defaultConnections is how many are listed where nobody says.
const defaultConnections = 500

// connections lists who is connected.
func (e *Edge) connections(w http.ResponseWriter, r *http.Request) error {
	p := edge.QueryParams(r.URL.RawQuery, e.limits)
	limit := p.Int("limit", 1, math.MaxInt32, defaultConnections)
	q, _ := p.One("q")
	if err := p.Err(); err != nil {
		return err
	}
	open, total := e.Connections.List(q, int(limit))
	list := ConnectionList{Connections: make([]Connection, len(open)), Total: total}
	for i, c := range open {
		list.Connections[i] = e.connection(c)
	}
	return respond(w, list)
}

func (e *Edge) connection(c edge.Connected) Connection {
	is := Connection{
		ID: c.ID, Remote: c.Client, Protocol: c.Protocol.String(), HTTP: c.HTTP, Since: Time{c.Since},
		Views: make([]View, len(c.Uses)), Rate: c.Rate, BytesOut: c.Bytes,
	}
	if c.Agent != "" {
		is.UserAgent = &c.Agent
	}
	for i, use := range c.Uses {
		is.Views[i] = e.view(use)
	}
	return is
}

func (e *Edge) view(use edge.Use) View {
	v := View{Topic: use.Topic, Mode: use.Mode}
	if use.Queue != "" {
		v.Queue = &use.Queue
	}
	topic, one := use.Topic.Topic()
	if !one || use.Place == nil {
		return v
	}
	behind, age, known := e.Feeds.Behind(topic, use.Place)
	if !known {
		return v
	}
	v.Behind = &behind
	if age >= 0 {
		ms := age.Round(time.Millisecond).Milliseconds()
		v.BehindMS = &ms
	}
	return v
}

// disconnect ends a connection whose client may come back.
func (e *Edge) disconnect(w http.ResponseWriter, r *http.Request) error {
	if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
		return err
	}
	if !e.Connections.Rotate(r.PathValue("id")) {
		return domain.Errorf(domain.UnknownStream, "there is no such connection, or it has ended")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
