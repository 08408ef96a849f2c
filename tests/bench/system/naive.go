package system

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/labstack/echo/v4"
	"github.com/olahol/melody"
)

// naive is what is written with these libraries in an afternoon: gochannel carries what comes over a WebSocket to a channel for each event stream, and to melody's Broadcast.
// Publishing waits for the acknowledgement, since without that gochannel mixes up the order.
type naive struct {
	pubsub  *gochannel.GoChannel
	sockets *melody.Melody

	mu      sync.Mutex // guards streams
	streams map[chan []byte]bool
}

const naiveTopic = "bench"

func serveNaive(l net.Listener) {
	n := &naive{
		pubsub:  gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, watermill.NopLogger{}),
		sockets: melody.New(),
		streams: make(map[chan []byte]bool),
	}
	messages, err := n.pubsub.Subscribe(context.Background(), naiveTopic)
	if err == nil {
		go n.carry(messages) // ends with the process
		err = n.listen(l)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func (n *naive) listen(l net.Listener) error {
	door := melody.New()
	door.HandleMessage(func(_ *melody.Session, payload []byte) {
		_ = n.pubsub.Publish(naiveTopic, message.NewMessage(watermill.NewShortUUID(), payload)) // it fails only once it is closed
	})
	n.sockets.HandleConnect(func(s *melody.Session) { _ = s.Write([]byte("ready")) }) // whoever is gone already misses nothing
	e := echo.New()
	e.HideBanner, e.HidePort, e.Listener = true, true, l
	e.GET("/events", n.events)
	e.GET("/ws", func(c echo.Context) error { return n.sockets.HandleRequest(c.Response(), c.Request()) })
	e.GET("/publish", func(c echo.Context) error { return door.HandleRequest(c.Response(), c.Request()) })
	return e.Start("")
}

func (n *naive) carry(messages <-chan *message.Message) {
	for m := range messages {
		n.mu.Lock()
		for stream := range n.streams {
			stream <- m.Payload
		}
		n.mu.Unlock()
		_ = n.sockets.Broadcast(m.Payload) // it fails only once it is closed
		m.Ack()
	}
}

func (n *naive) events(c echo.Context) error {
	stream := make(chan []byte, 256)
	n.mu.Lock()
	n.streams[stream] = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		delete(n.streams, stream)
		n.mu.Unlock()
	}()
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, "text/event-stream")
	w.WriteHeader(http.StatusOK)
	fmt.Fprint(w, "event: ready\ndata: {}\n\n")
	w.Flush()
	for {
		select {
		case payload := <-stream:
			fmt.Fprintf(w, "data: %s\n\n", payload)
			w.Flush()
		case <-c.Request().Context().Done():
			return nil
		}
	}
}
