package ws

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/olahol/melody"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// Edge serves WebSockets. It is one of edge.Routes.
type Edge struct {
	injector ports.Injector
	viewer   ports.Viewer
	queues   ports.Queues
	cfg      Config
	limits   domain.Limits
	log      *slog.Logger
	tooLarge string // the reason of the close for a message that is too long

	melody  *melody.Melody
	writers *edge.Writers
	bodies  *domain.Format // what follows the head of a json frame
	frames  *domain.Format // whole raw frames
	buffers sync.Pool      // of *[]byte, for parcels

	mu       sync.Mutex // guards what follows
	draining bool
	// sockets are the live ones, each with what is closed when nothing is left of it; nil where nobody waits for that.
	sockets map[*socket]chan struct{}
}

// New makes an edge over the services, and the writers that write views.
func New(injector ports.Injector, viewer ports.Viewer, queues ports.Queues, writers *edge.Writers, cfg Config, limits domain.Limits, log *slog.Logger) (*Edge, error) {
	if err := errors.Join(cfg.Validate(), limits.Validate()); err != nil {
		return nil, err
	}
	e := &Edge{
		injector: injector, viewer: viewer, queues: queues, cfg: cfg, limits: limits, log: log, tooLarge: edge.CloseReason(errMessageTooLarge(limits)),
		melody: melody.New(), writers: writers, bodies: edge.NewBodyFormat(), frames: newRawFormat(),
		sockets: map[*socket]chan struct{}{},
	}
	e.buffers.New = func() any { return new([]byte) }
	e.setUpMelody()
	return e, nil
}

// setUpMelody replaces all that is unsafe or lossy in Melody's defaults; what it would send goes through the sockets' wires.
func (e *Edge) setUpMelody() {
	m := e.melody
	m.Config.MaxMessageSize = e.maxMessage()
	m.Config.MessageBufferSize = 0 // nothing is ever put into it
	m.Config.PingPeriod = e.cfg.PingInterval
	m.Config.PongWait = e.cfg.PongWait
	m.Config.WriteWait = e.cfg.WriteTimeout
	m.Upgrader = &websocket.Upgrader{
		ReadBufferSize:  125, // gorilla needs no less; the wire reads more at once
		WriteBufferSize: 256, // gorilla writes nothing but control frames
		WriteBufferPool: &sync.Pool{},
		CheckOrigin:     func(*http.Request) bool { return true }, // the server has checked it
		Error:           func(http.ResponseWriter, *http.Request, int, error) {},
	}
	m.HandleConnect(func(ms *melody.Session) {
		ms.Request = nil // it has been answered, and would stay as long as the socket does
		s := socketOf(ms)
		s.connected(s.life)
	})
	m.HandleMessage(func(ms *melody.Session, p []byte) {
		s := socketOf(ms)
		s.hear(s.life, true, p)
	})
	m.HandleMessageBinary(func(ms *melody.Session, p []byte) {
		s := socketOf(ms)
		s.hear(s.life, false, p)
	})
	m.HandleClose(func(ms *melody.Session, code int, _ string) error { socketOf(ms).closedByClient(code); return nil })
	m.HandleError(func(ms *melody.Session, err error) {
		s := socketOf(ms)
		s.unreadable(s.life, err)
	})
}

// maxMessage is how long a WebSocket message may be: one pub of the largest message in its longest spelling fits, or frames_per_message small frames.
func (e *Edge) maxMessage() int64 {
	const small = 256
	return int64(edge.MaxPubBytes(e.limits)) + small*int64(e.limits.FramesPerMessage)
}

// Register puts the routes of PROTOCOL §2 on r.
func (e *Edge) Register(r *echo.Echo) {
	r.GET("/v1/ws", edge.Handle(e.handler()))
	r.GET("/v1/topics/:topic/ws", edge.Handle(e.handler(pathTopic)))
	r.GET("/v1/topics/:topic/queues/:queue/ws", edge.Handle(e.handler(pathTopic, pathQueue)))
}

// Drain ends all sockets, and refuses new ones as Unavailable. Nothing more is read. All that a socket is given ends with its own bye, and what was heard is answered, as
// far as ctx allows; then each client is told bye and closed with 4001. It returns when all sockets are gone. When ctx ends before that, connections that still stand are cut, and the error is ctx's.
func (e *Edge) Drain(ctx context.Context) error {
	e.mu.Lock()
	e.draining = true
	live := make(map[*socket]<-chan struct{}, len(e.sockets))
	for s := range e.sockets {
		live[s] = e.awaited(s)
	}
	e.mu.Unlock()
	for s, gone := range live {
		// It ends with the socket, or with ctx.
		go s.drain(ctx, gone)
	}
	for _, gone := range live {
		select {
		case <-gone:
		case <-ctx.Done():
			for s := range live {
				s.cut()
			}
			return context.Cause(ctx)
		}
	}
	return nil
}

// enter counts s among the live; while draining that is an Unavailable error.
func (e *Edge) enter(s *socket) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		return errGoingAway()
	}
	e.sockets[s] = nil
	return nil
}

// awaited is closed when nothing is left of s, which is among the live. The caller holds mu.
func (e *Edge) awaited(s *socket) <-chan struct{} {
	if e.sockets[s] == nil {
		e.sockets[s] = make(chan struct{})
	}
	return e.sockets[s]
}

func (e *Edge) leave(s *socket) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if gone := e.sockets[s]; gone != nil {
		close(gone)
	}
	delete(e.sockets, s)
}

func errGoingAway() error {
	return domain.Errorf(domain.Unavailable, "this node is shutting down; come back, another one may answer")
}

// errParting is why nothing begins on a socket that ends for cause.
func errParting(cause error) error {
	if rotates(cause) {
		return domain.Errorf(domain.Unavailable, "this connection is closing; come back on another one")
	}
	return errGoingAway()
}

// closeForAll is the close code and the reason for a socket that ends with b as a whole.
func closeForAll(b *domain.Bye) (int, string) {
	if rotates(b) {
		return closeForBye(b)
	}
	return closeFor(errGoingAway())
}

func rotates(cause error) bool {
	var bye *domain.Bye
	return errors.As(cause, &bye) && bye.Reason == domain.ByeRotate
}
