package queue

import (
	"fmt"
	"path"
	"strings"
	"time"

	"culvert/domain"
)

// Config says how queues behave.
type Config struct {
	// Lease is how long a member may keep a message without settling or touching it.
	Lease time.Duration `mapstructure:"lease"`
	// MaxHold is how long a member may keep a message altogether, however often it touches it. 0: no limit.
	MaxHold time.Duration `mapstructure:"max_hold"`
	// MaxAttempts is after how many tries a message goes to the dead-letter topic. 0: never.
	MaxAttempts int `mapstructure:"max_attempts"`
	// Window is how many messages of a partition, from its first unsettled one on, are held and given to members.
	Window int `mapstructure:"window"`
	// WindowBytes is how much memory the unsettled messages of a partition may hold before no more are fetched.
	WindowBytes int `mapstructure:"window_bytes"`
	// Order is what queues promise of messages with the same key, where no rule says otherwise and the broker can keep it.
	Order domain.Order `mapstructure:"order"`
	// DeadLetter is the name of dead-letter topics. {topic} and {queue} stand for the names of those.
	DeadLetter string `mapstructure:"dead_letter"`
	// Linger is how long this node stays in a queue that its last member has left.
	Linger time.Duration `mapstructure:"linger"`
	// DrainGrace is how long members may still settle what they hold when the server shuts down.
	DrainGrace time.Duration `mapstructure:"drain_grace"`
	// Rules are exceptions for some queues. The first that matches counts.
	Rules []Rule `mapstructure:"rules"`
}

// Rule is what is different for the queues that it matches. What it leaves empty is as for the others.
type Rule struct {
	// Topic and Queue match names; `*` stands for any characters. Empty matches all.
	Topic string `mapstructure:"topic"`
	Queue string `mapstructure:"queue"`
	// Order is kept, or members are refused where the broker cannot keep it.
	Order domain.Order `mapstructure:"order"`
	// DeadLetter is as in Config.
	DeadLetter string `mapstructure:"dead_letter"`
	// Lease is as in Config.
	Lease time.Duration `mapstructure:"lease"`
	// MaxAttempts is as in Config.
	MaxAttempts *int `mapstructure:"max_attempts"`
}

// DefaultConfig is safe for members that come and go.
func DefaultConfig() Config {
	return Config{
		Lease:       30 * time.Second,
		MaxHold:     25 * time.Minute,
		MaxAttempts: 5,
		Window:      1000,
		WindowBytes: 16 << 20,
		Order:       domain.OrderKey,
		DeadLetter:  "{topic}.{queue}.dlq",
		Linger:      5 * time.Second,
		DrainGrace:  5 * time.Second,
	}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	switch {
	case c.Lease < time.Millisecond:
		return fmt.Errorf("queue.lease is %s: it must be at least 1ms, or no message could be settled in time", c.Lease)
	case c.MaxHold != 0 && c.MaxHold < c.longestLease():
		return fmt.Errorf("queue.max_hold is %s: it must be 0 (no limit), or not shorter than the longest lease, which is %s", c.MaxHold, c.longestLease())
	case c.MaxAttempts < 0:
		return fmt.Errorf("queue.max_attempts is %d: it must be 0 (no limit) or more", c.MaxAttempts)
	case c.Window < 1:
		return fmt.Errorf("queue.window is %d: it must be at least 1, or no message could be given", c.Window)
	case c.WindowBytes < 1:
		return fmt.Errorf("queue.window_bytes is %d: it must be at least 1", c.WindowBytes)
	case c.Linger < 0:
		return fmt.Errorf("queue.linger is %s: it must be 0 or more", c.Linger)
	case c.DrainGrace < 0:
		return fmt.Errorf("queue.drain_grace is %s: it must be 0 or more", c.DrainGrace)
	}
	if err := checkOrder("queue.order", c.Order); err != nil {
		return err
	}
	if err := checkTemplate("queue.dead_letter", c.DeadLetter); err != nil {
		return err
	}
	for i, r := range c.Rules {
		if err := r.validate(fmt.Sprintf("queue.rules[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) longestLease() time.Duration {
	longest := c.Lease
	for _, r := range c.Rules {
		longest = max(longest, r.Lease)
	}
	return longest
}

func (r Rule) validate(at string) error {
	for _, p := range []struct{ key, pattern string }{{"topic", r.Topic}, {"queue", r.Queue}} {
		if name := strings.ReplaceAll(p.pattern, "*", ""); name != "" {
			if _, err := domain.ParseTopic(name + "x"); err != nil {
				return fmt.Errorf("%s.%s is %q: letters, digits, '.', '_', '-' and '*' are possible", at, p.key, p.pattern)
			}
		}
	}
	if r.Lease != 0 && r.Lease < time.Millisecond {
		return fmt.Errorf("%s.lease is %s: it must be at least 1ms", at, r.Lease)
	}
	if r.MaxAttempts != nil && *r.MaxAttempts < 0 {
		return fmt.Errorf("%s.max_attempts is %d: it must be 0 (no limit) or more", at, *r.MaxAttempts)
	}
	if r.Order != "" {
		if err := checkOrder(at+".order", r.Order); err != nil {
			return err
		}
	}
	if r.DeadLetter != "" {
		return checkTemplate(at+".dead_letter", r.DeadLetter)
	}
	return nil
}

func checkOrder(key string, o domain.Order) error {
	if o != domain.OrderKey && o != domain.OrderNone {
		return fmt.Errorf("%s is %q: it must be %q or %q", key, o, domain.OrderKey, domain.OrderNone)
	}
	return nil
}

func checkTemplate(key, template string) error {
	if _, err := domain.ParseTopic(fill(template, "t", "q")); err != nil {
		return fmt.Errorf("%s is %q: with a topic and a queue for {topic} and {queue} it must be the name of a topic", key, template)
	}
	return nil
}

// What stands for the names of a topic and a queue in that of a dead-letter topic.
const (
	forTopic = "{topic}"
	forQueue = "{queue}"
)

func fill(template string, topic domain.Topic, queue domain.Queue) string {
	return strings.NewReplacer(forTopic, string(topic), forQueue, string(queue)).Replace(template)
}

// settings are what holds for one queue.
type settings struct {
	lease       time.Duration
	maxHold     time.Duration
	maxAttempts int
	window      int
	windowBytes int
	linger      time.Duration
	order       domain.Order
	mustOrder   bool         // a rule says so: members are refused where the broker cannot keep it
	deadLetter  domain.Topic // where messages go after maxAttempts; empty where that is 0
}

// settings finds what holds for queue on a broker with these capabilities.
func (c Config) settings(topic domain.Topic, queue domain.Queue, can domain.Capabilities) (settings, error) {
	r := c.rule(topic, queue)
	s := settings{lease: c.Lease, maxHold: c.MaxHold, maxAttempts: c.MaxAttempts, window: c.Window, windowBytes: c.WindowBytes, linger: c.Linger, order: c.Order}
	if r.Lease != 0 {
		s.lease = r.Lease
	}
	if r.MaxAttempts != nil {
		s.maxAttempts = *r.MaxAttempts
	}
	if r.Order != "" {
		s.order, s.mustOrder = r.Order, r.Order == domain.OrderKey
	}
	if s.order == domain.OrderKey && !can.Has(domain.KeyOrder) {
		if err := s.loosen(topic, queue); err != nil {
			return settings{}, err
		}
	}
	if s.maxAttempts == 0 {
		return s, nil
	}
	name := fill(c.deadLetter(r), topic, queue)
	letters, err := domain.ParseTopic(name)
	if err != nil {
		return settings{}, domain.Errorf(domain.UnknownTopic, "the dead-letter topic of queue %s would be %q, which cannot be the name of a topic", queue, name)
	}
	s.deadLetter = letters
	if letters == topic { // what dies among the dead letters would come back for ever
		s.deadLetter, s.maxAttempts = "", 0
	}
	return s, nil
}

// loosen lets the queue promise no order, since its broker cannot keep one.
func (s *settings) loosen(topic domain.Topic, queue domain.Queue) error {
	if s.mustOrder {
		return domain.Errorf(domain.Unsupported, "the broker cannot keep the order of keys in queue %s of topic %s, for which it is configured", queue, topic)
	}
	s.order = domain.OrderNone
	return nil
}

// deadLetter is the template of the names of dead-letter topics of queues with this rule.
func (c Config) deadLetter(r Rule) string {
	if r.DeadLetter != "" {
		return r.DeadLetter
	}
	return c.DeadLetter
}

func (c Config) rule(topic domain.Topic, queue domain.Queue) Rule {
	for _, r := range c.Rules {
		if matches(r.Topic, string(topic)) && matches(r.Queue, string(queue)) {
			return r
		}
	}
	return Rule{}
}

// matches relies on names having no slash, and patterns nothing special but `*`.
func matches(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok || pattern == ""
}
