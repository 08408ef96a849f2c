package brokers

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// pikaPrelude opens a connection and a channel that confirms.
const pikaPrelude = `import datetime, decimal, json, sys
import pika
connection = pika.BlockingConnection(pika.URLParameters(sys.argv.pop(1)))
channel = connection.channel()
channel.confirm_delivery()
`

// Pika runs a few lines of Python with pika, a client of AMQP that is not ours, and returns what they printed. They find a channel on the server at url,
// which confirms what is published, and args in sys.argv[1:]; datetime, decimal and json are imported.
func Pika(t testing.TB, url, script string, args ...string) string {
	t.Helper()
	python, err := pikaPython(t.Context())
	if err != nil {
		Without(t, "client of AMQP", err)
	}
	cmd := exec.CommandContext(t.Context(), python, append([]string{"-c", pikaPrelude + script + "\nconnection.close()\n", url}, args...)...)
	cmd.Env = append(cmd.Environ(), "PYTHONIOENCODING=utf-8")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("pika: %v\n%s\n%s\n%s", err, strings.TrimSpace(script), lastLines(out.Bytes(), 20), lastLines(errs.Bytes(), 20))
	}
	return out.String()
}

// pikaPython is a Python that knows pika, or a MissingError.
func pikaPython(ctx context.Context) (string, error) {
	// Debian's packages are known to Debian's Python alone, which need not be the first in the path.
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(ctx, python, "-c", "import pika").Run() == nil {
			return python, nil
		}
	}
	return "", &MissingError{
		What: "pika for Python",
		Mend: "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends python3-pika'   (or: pip install pika)",
	}
}

// withoutPika is the part of a report that tells of its absence.
func withoutPika(ctx context.Context) string {
	_, err := pikaPython(ctx)
	if err == nil {
		return ""
	}
	return fmt.Sprintf("; what needs a client that is not ours was skipped: %v", err)
}
