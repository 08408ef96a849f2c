package app

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"culvert/adapters/broker/amqp"
	"culvert/adapters/broker/inproc"
	"culvert/adapters/broker/kafka"
	"culvert/adapters/edge"
	"culvert/adapters/edge/rest"
	"culvert/adapters/edge/routes"
	"culvert/adapters/edge/sse"
	"culvert/adapters/edge/ws"
	"culvert/domain"
	"culvert/domain/inject"
	"culvert/domain/queue"
	"culvert/domain/subscribe"
)

// Config is the whole configuration. Each section that a package owns has that package's type.
type Config struct {
	// Listen is the address of the public listener. Port 0 takes a free one.
	Listen string `mapstructure:"listen"`
	Admin  Admin  `mapstructure:"admin"`
	// Broker is where topics live that no entry of Topics places elsewhere: a kind, whose own section then counts, or the name of one of Brokers.
	Broker string        `mapstructure:"broker"`
	InProc inproc.Config `mapstructure:"inproc"`
	Kafka  kafka.Config  `mapstructure:"kafka"`
	AMQP   amqp.Config   `mapstructure:"amqp"`
	// Brokers are further clusters, each with a name of its own.
	Brokers []Cluster `mapstructure:"brokers"`
	// Topics say which topics there are to strangers, and where they live. The first entry that fits a topic counts; where none does, the
	// topic is allowed and lives at Broker under its own name.
	Topics []Topic `mapstructure:"topics"`
	// Routes are paths of the operator's own on the public listener.
	Routes    []routes.Route   `mapstructure:"routes"`
	HTTP      HTTP             `mapstructure:"http"`
	SSE       sse.Config       `mapstructure:"sse"`
	WS        ws.Config        `mapstructure:"ws"`
	REST      rest.Config      `mapstructure:"rest"`
	Inject    inject.Config    `mapstructure:"inject"`
	Subscribe subscribe.Config `mapstructure:"subscribe"`
	Queue     queue.Config     `mapstructure:"queue"`
	Limits    Limits           `mapstructure:"limits"`
	Log       Log              `mapstructure:"log"`
	Shutdown  Shutdown         `mapstructure:"shutdown"`

	said sources // nil where a program made it
}

// Admin is the listener for those who operate the bridge.
type Admin struct {
	// Listen is its address; empty for no such listener.
	Listen string `mapstructure:"listen"`
	// PProf serves profiles of the program below /debug/pprof/.
	PProf bool `mapstructure:"pprof"`
	// TLS is its certificate. It has one of its own, since probes and scrapers may rather come by plain HTTP.
	TLS edge.TLS `mapstructure:"tls"`
}

// HTTP is what both listeners do with connections.
type HTTP struct {
	edge.Config  `mapstructure:",squash"`
	edge.Sending `mapstructure:",squash"`
	// ReadHeaderTimeout is how long a request's head may take.
	ReadHeaderTimeout time.Duration `mapstructure:"read_header_timeout"`
	// IdleTimeout is how long a connection without a request is kept.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// HeaderBytes is how long a request's head may be, beside the URL.
	HeaderBytes int `mapstructure:"header_bytes"`
	// TLS is the certificate of the public listener.
	TLS edge.TLS `mapstructure:"tls"`
	// Streams is how many requests one connection of HTTP/2 may have under way.
	Streams int `mapstructure:"streams"`
	// PingInterval is the silence after which a client of HTTP/2 is asked whether it is there, and how long it may take to answer.
	PingInterval time.Duration `mapstructure:"ping_interval"`
}

// Limits bound what strangers control, and with it what the process needs of its machine.
type Limits struct {
	domain.Limits `mapstructure:",squash"`
	// MemoryBytes is how much memory the process shall have at most. 0: as the environment says, see machine.MemoryLimit.
	MemoryBytes int `mapstructure:"memory_bytes"`
}

// leastMemory is less than what a bridge without clients needs.
const leastMemory = 32 << 20

// Validate says which limit cannot be.
func (l Limits) Validate() error {
	if l.MemoryBytes != 0 && l.MemoryBytes < leastMemory {
		return fmt.Errorf("limits.memory_bytes is %d: a bridge needs at least %d; 0 leaves it to GOMEMLIMIT and the container", l.MemoryBytes, leastMemory)
	}
	return l.Limits.Validate()
}

// Cluster is a further broker. Of the sections only that of its kind counts.
type Cluster struct {
	// Name is what topics and the list of topics call it.
	Name   string        `mapstructure:"name"`
	Kind   string        `mapstructure:"kind"`
	InProc inproc.Config `mapstructure:"inproc"`
	Kafka  kafka.Config  `mapstructure:"kafka"`
	AMQP   amqp.Config   `mapstructure:"amqp"`
}

// Topic is a rule for one topic, or for all that a pattern fits.
type Topic struct {
	// Name is a topic, or a pattern in which * stands for any characters.
	Name string `mapstructure:"name"`
	// Allow is false for topics that nobody may know of.
	Allow bool `mapstructure:"allow"`
	// Hidden is true for topics that only operators may know of, and who comes by one of Routes that names them.
	Hidden bool `mapstructure:"hidden"`
	// Broker is where they live, as Config.Broker says; empty for that one.
	Broker string `mapstructure:"broker"`
	// Physical is the topic's name in its broker; empty for the same. In the rule of a pattern with one * it has one too, which stands for the same characters.
	Physical string `mapstructure:"physical"`
	// Create is how a topic that is missing is made, by a broker that does not make topics when they are first used.
	Create Create `mapstructure:"create"`
}

// Create is how a topic is made.
type Create struct {
	// Partitions is how many it gets. 0: it is not made.
	Partitions int `mapstructure:"partitions"`
	// Replicas is how many copies of it there are. 0: as the cluster does by default.
	Replicas int `mapstructure:"replicas"`
}

// Log is what the program says of itself, on standard error.
type Log struct {
	// Level is the least that is said: debug, info, warn or error.
	Level string `mapstructure:"level"`
	// Format is text, json, or auto: text on a terminal, else json.
	Format string `mapstructure:"format"`
}

// Shutdown bounds the end.
type Shutdown struct {
	// Timeout is how long stopping in order may take altogether; what is not done then is cut off.
	Timeout time.Duration `mapstructure:"timeout"`
	// Drain is over how long the clients are spread that were sent away, when they come back to another server, or to this one started anew.
	Drain time.Duration `mapstructure:"drain"`
}

// Default is the configuration of a bridge for this machine only, with nothing behind it.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080",
		Admin:  Admin{Listen: "127.0.0.1:8081"},
		Broker: kindInProc,
		InProc: inproc.DefaultConfig(),
		Kafka:  kafka.DefaultConfig(),
		AMQP:   amqp.DefaultConfig(),
		HTTP: HTTP{
			Config:            edge.DefaultConfig(),
			Sending:           edge.DefaultSending(),
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			HeaderBytes:       64 << 10,
			Streams:           250,
			PingInterval:      25 * time.Second,
		},
		SSE:       sse.DefaultConfig(),
		WS:        ws.DefaultConfig(),
		REST:      rest.DefaultConfig(),
		Inject:    inject.DefaultConfig(),
		Subscribe: subscribe.DefaultConfig(),
		Queue:     queue.DefaultConfig(),
		Limits:    Limits{Limits: domain.DefaultLimits()},
		Log:       Log{Level: "info", Format: formatAuto},
		Shutdown:  Shutdown{Timeout: 15 * time.Second, Drain: 5 * time.Second},
	}
}

func defaultCluster() Cluster {
	return Cluster{InProc: inproc.DefaultConfig(), Kafka: kafka.DefaultConfig(), AMQP: amqp.DefaultConfig()}
}

func defaultTopic() Topic { return Topic{Allow: true} }

// Validate joins all that cannot be, each with its reason.
func (c Config) Validate() error {
	problems := []error{
		c.validateListeners(),
		c.HTTP.validate(),
		c.Admin.TLS.Validate("admin.tls"),
		c.SSE.Validate(),
		c.WS.Validate(),
		c.REST.Validate(),
		c.Inject.Validate(),
		c.Subscribe.Validate(),
		c.Queue.Validate(),
		c.Limits.Validate(),
		c.Log.validate(),
		c.Shutdown.validate(),
	}
	problems = append(problems, c.validateBrokers()...)
	problems = append(problems, c.validateTopics()...)
	problems = append(problems, c.validateRoutes()...)
	problems = append(problems, c.validateTogether()...)
	return errors.Join(problems...)
}

func (c Config) validateListeners() error {
	for _, l := range []struct{ key, address string }{{"listen", c.Listen}, {"admin.listen", c.Admin.Listen}} {
		if l.address == "" && l.key != "listen" {
			continue
		}
		if _, _, err := net.SplitHostPort(l.address); err != nil {
			return fmt.Errorf("%s is %q: give host and port, as 127.0.0.1:8080 or :8080", l.key, l.address)
		}
	}
	if _, port, _ := net.SplitHostPort(c.Listen); c.Listen == c.Admin.Listen && port != "0" {
		return fmt.Errorf("listen and admin.listen are both %s: operators and strangers do not share a listener", c.Listen)
	}
	return nil
}

func (h HTTP) validate() error {
	switch {
	case h.ReadHeaderTimeout <= 0:
		return fmt.Errorf("http.read_header_timeout is %s: it must be more than 0, or idle strangers hold connections for ever", h.ReadHeaderTimeout)
	case h.IdleTimeout <= 0:
		return fmt.Errorf("http.idle_timeout is %s: it must be more than 0, or idle strangers hold connections for ever", h.IdleTimeout)
	case h.HeaderBytes < 4096:
		return fmt.Errorf("http.header_bytes is %d: browsers send heads of up to 4096", h.HeaderBytes)
	case h.Streams < 1 || h.Streams > math.MaxInt32:
		return fmt.Errorf("http.streams is %d: it must be at least 1; browsers expect 100", h.Streams)
	case h.PingInterval < time.Second:
		return fmt.Errorf("http.ping_interval is %s: it must be at least 1s, or clients far away are taken for dead", h.PingInterval)
	}
	return errors.Join(h.Config.Validate(), h.Sending.Validate(), h.TLS.Validate("http.tls"))
}

func (l Log) validate() error {
	if err := new(slog.Level).UnmarshalText([]byte(l.Level)); err != nil {
		return fmt.Errorf("log.level is %q: it is one of debug, info, warn, error", l.Level)
	}
	if formats := []string{formatAuto, formatText, formatJSON}; !slices.Contains(formats, l.Format) {
		return fmt.Errorf("log.format is %q: it is one of %s", l.Format, strings.Join(formats, ", "))
	}
	return nil
}

func (s Shutdown) validate() error {
	if s.Timeout < time.Second {
		return fmt.Errorf("shutdown.timeout is %s: it must be at least 1s, or what was taken could not be brought to its end", s.Timeout)
	}
	if s.Drain < 0 {
		return fmt.Errorf("shutdown.drain is %s: it must be 0 or more", s.Drain)
	}
	return nil
}

// forClients is what clients have of the time-out; the rest is kept for the brokers, whatever clients do.
func (s Shutdown) forClients() time.Duration { return s.Timeout * 4 / 5 }

// forBrokers is what clients and brokers have of it; the rest is kept for the process's own end.
func (s Shutdown) forBrokers() time.Duration { return s.Timeout * 19 / 20 }

// validateBrokers looks at the sections of the brokers that are used, and at those only: what nobody uses may be incomplete.
func (c Config) validateBrokers() (problems []error) {
	seen := make(map[string]bool)
	for i, cluster := range c.Brokers {
		at := fmt.Sprintf("brokers[%d]", i)
		switch {
		case cluster.Name == "":
			problems = append(problems, fmt.Errorf("%s has no name: topics could not say that they live there", at))
		case slices.Contains(kinds, cluster.Name):
			problems = append(problems, fmt.Errorf("%s is named %q like a kind of broker: the section %s is that one's", at, cluster.Name, cluster.Name))
		case seen[cluster.Name]:
			problems = append(problems, fmt.Errorf("%s is the second one named %q", at, cluster.Name))
		}
		seen[cluster.Name] = true
		if err := cluster.validate(); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", at, err))
		}
	}
	for _, name := range c.usedBrokers() {
		cluster, err := c.cluster(name)
		if err != nil {
			problems = append(problems, err)
		} else if slices.Contains(kinds, name) {
			problems = append(problems, cluster.validate())
		}
	}
	return problems
}

func (c Cluster) validate() error {
	switch c.Kind {
	case kindInProc:
		return c.InProc.Validate()
	case kindKafka:
		if err := c.Kafka.Validate(); err != nil {
			return fmt.Errorf("kafka.%w", err)
		}
		return nil
	case kindAMQP:
		if err := c.AMQP.Validate(); err != nil {
			return fmt.Errorf("amqp.%w", err)
		}
		return nil
	}
	return unknownKind(c.Kind)
}

// validateTogether checks what settings of several sections must have in common.
func (c Config) validateTogether() (problems []error) {
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	largest := c.largestMessage()
	for _, v := range []struct {
		key   string
		bytes int
	}{
		{"subscribe.window.bytes", c.Subscribe.Window.Bytes},
		{"inject.window_bytes", c.Inject.WindowBytes},
		{"queue.window_bytes", c.Queue.WindowBytes},
		{"rest.batch_bytes", c.REST.BatchBytes},
	} {
		if v.bytes < largest {
			refuse("%s (%d) must hold at least one message of the largest size, which is %d (limits.message_bytes, key_bytes and header_bytes)", v.key, v.bytes, largest)
		}
	}
	for _, name := range c.usedBrokers() {
		if cluster, err := c.cluster(name); err == nil {
			problems = append(problems, c.validateWith(cluster)...)
		}
	}
	if c.HTTP.HeaderBytes < c.Limits.HeaderBytes+c.Limits.KeyBytes {
		refuse("http.header_bytes (%d) must hold what a message may carry in the head of a POST, which is %d (limits.header_bytes and key_bytes)", c.HTTP.HeaderBytes, c.Limits.HeaderBytes+c.Limits.KeyBytes)
	}
	if c.Queue.DrainGrace >= c.Shutdown.forClients() {
		refuse("queue.drain_grace (%s) must be shorter than four fifths of shutdown.timeout (%s): goodbyes and the brokers' flush come after it", c.Queue.DrainGrace, c.Shutdown.Timeout)
	}
	return problems
}

// validateWith checks what the services and a broker must have in common.
func (c Config) validateWith(cluster Cluster) (problems []error) {
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	switch cluster.Kind {
	case kindKafka:
		if largest := c.largestMessage(); cluster.Kafka.MessageBytes < largest {
			refuse("kafka.message_bytes (%d) of broker %s must hold a message of the largest size, which is %d (limits.message_bytes, key_bytes and header_bytes)", cluster.Kafka.MessageBytes, cluster.Name, largest)
		}
		if cluster.Kafka.DialTimeout >= c.Inject.Timeout {
			refuse("kafka.dial_timeout (%s) of broker %s must be shorter than inject.timeout (%s), or one dead node uses up a message's time", cluster.Kafka.DialTimeout, cluster.Name, c.Inject.Timeout)
		}
	case kindAMQP:
		if hold := cluster.AMQP.Hold(); c.Queue.MaxHold == 0 || c.Queue.MaxHold >= hold {
			refuse("queue.max_hold (%s) must be more than 0 and shorter than %s, which is nine tenths of amqp.consumer_timeout of broker %s: the server takes back what is held for longer, and all else with it", c.Queue.MaxHold, hold, cluster.Name)
		}
	}
	return problems
}

// largestMessage is how large a message can be, in bytes.
func (c Config) largestMessage() int {
	return c.Limits.MessageBytes + c.Limits.KeyBytes + c.Limits.HeaderBytes
}

// Values lists the dotted paths of all values that the environment and flags can set, in order.
func Values() []string {
	var paths []string
	values(reflect.ValueOf(Default()), "", func(path string, _ reflect.Value) { paths = append(paths, path) })
	return paths
}

// OnFreePorts is Default, listening on ports that are free, on this machine only: what tests start with.
func OnFreePorts() Config {
	cfg := Default()
	cfg.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	return cfg
}
