package brokers

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// Curl is the path of curl, which guides use and which has HTTP/2 of its own. Where it cannot be had the test ends: see the package comment.
func Curl(t testing.TB) string {
	t.Helper()
	path, err := findCurl()
	if err != nil {
		Without(t, "curl", err)
	}
	return path
}

// FetchCurl installs curl where it is missing and we may. The title says what tests have then; where it is missing the error is a MissingError.
func FetchCurl(ctx context.Context, say io.Writer) (title string, err error) {
	path, err := findCurl()
	if err != nil {
		if err := installPackages(ctx, say, []string{"curl"}); err != nil {
			return "", err
		}
		if path, err = findCurl(); err != nil {
			return "", err
		}
	}
	said, err := exec.CommandContext(ctx, path, "--version").Output()
	title, _, _ = strings.Cut(string(said), " (")
	return title, err
}

func findCurl() (string, error) {
	path, err := exec.LookPath("curl")
	if err != nil {
		return "", &MissingError{What: "curl", Mend: "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends curl'   (or, on a Mac: brew install curl)"}
	}
	return path, nil
}
