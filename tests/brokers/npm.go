package brokers

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// npmFiles name the packages for Node, and lock them and what they need.
//
//go:embed npm/package.json npm/package-lock.json
var npmFiles embed.FS

// Node is the command that runs a program of Node, a file of its own that may import the packages which npm/package.json names. It is killed when its
// standard input ends, and takes nothing from it; the caller gives it a pipe. Where Node or its packages cannot be had the test ends: see the package comment.
func Node(ctx context.Context, t testing.TB, file string, args ...string) *exec.Cmd {
	t.Helper()
	modules := NodeModules(ctx, t)
	// Node looks for packages beside the program.
	folder := t.TempDir()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, filepath.Base(file))
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return program(ctx, append([]string{"node", copied}, args...)...)
}

// NodeModules is the folder node_modules of the packages which npm/package.json names. Where Node or its packages cannot be had the test ends: see the package comment.
func NodeModules(ctx context.Context, t testing.TB) string {
	t.Helper()
	if err := checkNode(); err != nil {
		Without(t, "Node", err)
	}
	packages, err := nodePackages(ctx, io.Discard)
	if err != nil {
		Without(t, "packages for Node", err)
	}
	return filepath.Join(packages, "node_modules")
}

// FetchNode installs Node and npm where they are missing and we may, and fetches the packages. The title says what tests have then; where something is missing the error is a MissingError.
func FetchNode(ctx context.Context, say io.Writer) (title string, err error) {
	if checkNode() != nil {
		if err := installPackages(ctx, say, []string{"nodejs"}, []string{"npm"}); err != nil {
			return "", err
		}
		if err := checkNode(); err != nil {
			return "", err
		}
	}
	if _, err := nodePackages(ctx, say); err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("node --version: %w", err)
	}
	return "Node " + strings.TrimSpace(string(version)) + " with the packages of tests/brokers/npm", nil
}

// checkNode returns a MissingError where there is no Node, or no npm while there is something to fetch.
func checkNode() error {
	const mend = "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends nodejs npm'   (or, on a Mac: brew install node)"
	if _, err := exec.LookPath("node"); err != nil {
		return &MissingError{What: "Node", Mend: mend}
	}
	packages, err := cachePath(nodePackagesName())
	if err != nil {
		return err
	}
	if _, err := os.Stat(packages); err == nil {
		return nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return &MissingError{What: "npm", Mend: mend}
	}
	return nil
}

// nodePackages gives the folder that has node_modules. It is fetched through npm once and kept in the user's cache.
func nodePackages(ctx context.Context, say io.Writer) (string, error) {
	return cached(nodePackagesName(), func(work string) (string, error) {
		fmt.Fprintln(say, "fetching packages for Node through npm")
		if err := os.CopyFS(work, npmFiles); err != nil {
			return "", err
		}
		packages := filepath.Join(work, "npm")
		return packages, runQuietly(ctx, "npm", "ci", "--prefix", packages, "--ignore-scripts", "--no-audit", "--no-fund")
	})
}

// nodePackagesName tells what is locked from what another version of this program locked.
func nodePackagesName() string {
	lock, err := npmFiles.ReadFile("npm/package-lock.json")
	if err != nil {
		panic(err) // it is embedded
	}
	return "npm-" + digest(lock)
}

// digest is short, and another one for other bytes.
func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
