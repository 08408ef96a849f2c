package brokers

import (
	"context"
	"io"
)

// Kind is one kind of broker that a whole test run can share.
type Kind struct {
	// Name is what it is called in configuration and messages.
	Name string
	// Start gives the broker that the environment names, or installs what is missing where it may, and starts one. Progress is told on say, in whole lines. It blocks until the broker answers. Kinds start at the same time.
	Start func(ctx context.Context, say io.Writer) (*Running, error)
}

// Kinds are the brokers that the run command knows.
func Kinds() []Kind {
	return []Kind{
		{Name: "kafka", Start: startSharedKafka},
		{Name: "amqp", Start: startSharedRabbitMQ},
	}
}

// Running is a broker that tests can use.
type Running struct {
	// Title says which broker in which version it is, and whose.
	Title string
	// Env are the variables that let the tests find it.
	Env []string
	// Try are lines for a person: how to use it.
	Try []string
	// Stop ends it, where it was started here. It may be called more than once.
	Stop func()
}
