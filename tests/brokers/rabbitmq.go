package brokers

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"
)

// The environment by which a test run finds its RabbitMQ.
const (
	envAMQP           = "CULVERT_TEST_AMQP"            // an amqp:// URL
	envAMQPManagement = "CULVERT_TEST_AMQP_MANAGEMENT" // the management plugin's URL, with the user in it; may be left out
	envAMQPVersion    = "CULVERT_TEST_AMQP_VERSION"    // what to call it in reports
)

// RabbitMQServer is a RabbitMQ that tests can use.
type RabbitMQServer struct {
	// URL is its amqp:// URL, with the user in it.
	URL string
	// Management is the URL of its management plugin, with the user in it; empty where it is not known.
	Management string
	Version    string
}

// RabbitMQ gives the RabbitMQ that all tests share. Where none can be had it ends the test: see the package comment.
func RabbitMQ(t testing.TB) RabbitMQServer {
	t.Helper()
	if server, ok := rabbitMQFromEnv(); ok {
		return server
	}
	node, err := ownRabbitMQ()
	if err != nil {
		Without(t, "RabbitMQ", err)
	}
	return node.server()
}

func rabbitMQFromEnv() (RabbitMQServer, bool) {
	server := RabbitMQServer{URL: os.Getenv(envAMQP), Management: os.Getenv(envAMQPManagement), Version: os.Getenv(envAMQPVersion)}
	if server.Version == "" {
		server.Version = "of unknown version"
	}
	return server, server.URL != ""
}

// ownRabbitMQ starts one RabbitMQ for this test binary, and keeps it: a node that is let go ends. It ends, and its files go, with the binary.
var ownRabbitMQ = sync.OnceValues(func() (*rabbitMQNode, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	return runRabbitMQ(ctx)
})

// runRabbitMQ gives a node that answers.
func runRabbitMQ(ctx context.Context) (*rabbitMQNode, error) {
	node, err := newRabbitMQNode(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := node.start(ctx); err != nil {
		node.end()
		return nil, err
	}
	return node, nil
}

// startSharedRabbitMQ is the Start of RabbitMQ's Kind.
func startSharedRabbitMQ(ctx context.Context, say io.Writer) (*Running, error) {
	err := installRabbitMQ(ctx, say)
	if server, ok := rabbitMQFromEnv(); ok {
		return &Running{
			Title: fmt.Sprintf("RabbitMQ %s at %s (named by %s)%s", server.Version, redacted(server.URL), envAMQP, withoutPika(ctx)),
			Try:   tryRabbitMQ(server),
			Stop:  func() {},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	node, err := runRabbitMQ(ctx)
	if err != nil {
		return nil, err
	}
	server := node.server()
	return &Running{
		Title: fmt.Sprintf("RabbitMQ %s at %s (started for this run)%s", server.Version, server.URL, withoutPika(ctx)),
		Env:   []string{envAMQP + "=" + server.URL, envAMQPManagement + "=" + server.Management, envAMQPVersion + "=" + server.Version},
		Try:   tryRabbitMQ(server),
		Stop:  sync.OnceFunc(node.end),
	}, nil
}

func tryRabbitMQ(server RabbitMQServer) []string {
	serve := "go run ./cmd/culvert serve --config configs/dev.yaml --broker amqp --amqp-url " + redacted(server.URL)
	test := fmt.Sprintf("%s=%s go test ./...", envAMQP, redacted(server.URL))
	if server.Management == "" {
		return []string{serve, test}
	}
	management := redacted(server.Management)
	return []string{serve + " --set amqp.management=" + management, test, management + " in a browser"}
}

// redacted is a URL as it may be shown: a password that everybody knows may be.
func redacted(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return "an unreadable URL"
	}
	if password, _ := parsed.User.Password(); password == "guest" {
		return text
	}
	return parsed.Redacted()
}
