package brokers

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// rabbitMQScript is the path of one of RabbitMQ's scripts, or a MissingError.
func rabbitMQScript(name string) (string, error) {
	// Debian's wrapper in the path is for root and the service's user alone, and changes to the latter.
	debian := filepath.Join("/usr/lib/rabbitmq/bin", name)
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", &MissingError{
		What: "RabbitMQ",
		Mend: "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends rabbitmq-server python3-pika'   (or, on a Mac: brew install rabbitmq)",
	}
}

// installRabbitMQ installs RabbitMQ, and a client that is not ours, where they are missing and we may.
func installRabbitMQ(ctx context.Context, say io.Writer) error {
	_, missing := rabbitMQScript("rabbitmq-server")
	_, withoutClient := pikaPython(ctx)
	if missing == nil && withoutClient == nil {
		return nil
	}
	wanted := [][]string{{"python3-pika"}}
	if missing != nil && os.Getenv(envAMQP) == "" {
		wanted = append(wanted, []string{"rabbitmq-server"})
	}
	if err := installPackages(ctx, say, wanted...); err != nil {
		return err
	}
	_, missing = rabbitMQScript("rabbitmq-server")
	return missing
}
