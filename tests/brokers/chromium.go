package brokers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// envChromium names a Chromium, or a browser made of it, that tests shall use instead of the one they find.
const envChromium = "CULVERT_TEST_CHROMIUM"

// chromiums are the names and places under which systems have Chromium, or Chrome, which is made of it.
var chromiums = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// Chromium is the path of a Chromium. Where none can be had the test ends: see the package comment.
func Chromium(t testing.TB) string {
	t.Helper()
	path, err := findChromium()
	if err != nil {
		Without(t, "Chromium", err)
	}
	return path
}

// FetchChromium installs Chromium where it is missing and we may. The title says what tests have then; where it is missing the error is a MissingError.
func FetchChromium(ctx context.Context, say io.Writer) (title string, err error) {
	path, err := findChromium()
	if err != nil && os.Getenv(envChromium) == "" {
		// Ubuntu has it as a snap, of which its package is a shell.
		if err := installPackages(ctx, say, []string{"chromium", "chromium-browser"}); err != nil {
			return "", err
		}
		path, err = findChromium()
	}
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	title, _, _ = strings.Cut(strings.TrimSpace(string(version)), " built on ")
	return title, nil
}

// findChromium is where Chromium is, or a MissingError.
func findChromium() (string, error) {
	if named := os.Getenv(envChromium); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", &MissingError{What: "the Chromium that " + envChromium + " names (" + named + ")", Mend: "unset " + envChromium}
		}
		return path, nil
	}
	for _, name := range chromiums {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &MissingError{
		What: "Chromium",
		Mend: "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends chromium'   (or, on a Mac: brew install --cask chromium; a Chrome elsewhere: " + envChromium + "=/its/path)",
	}
}
