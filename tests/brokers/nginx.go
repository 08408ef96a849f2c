package brokers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// StartNginx starts an nginx for this test alone, and ends it with the test. site is what stands in its http block; the ports that it listens on are the test's (FreePorts). It returns when
// nginx listens. Where none can be had it ends the test: see the package comment.
func StartNginx(t testing.TB, site string) {
	t.Helper()
	path, err := findNginx()
	if err != nil {
		Without(t, "nginx", err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(nginxConfig(dir, site)), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(dir, dir, path, "-e", "stderr", "-p", dir, "-c", config)
	if err != nil {
		t.Fatal(err)
	}
	// It writes its number when it listens.
	err = p.await(t.Context(), func() error {
		_, err := os.Stat(filepath.Join(dir, "pid"))
		return err
	})
	if err != nil {
		t.Fatalf("nginx does not start: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last that nginx said:\n%s", p.said())
		}
		p.kill()
	})
}

// nginxConfig keeps all that nginx writes in dir. One process is all there is of it, since workers would outlive a master that is killed.
func nginxConfig(dir, site string) string {
	var config strings.Builder
	config.WriteString("daemon off;\nmaster_process off;\n")
	fmt.Fprintf(&config, "pid %s;\nerror_log stderr warn;\nevents { worker_connections 8192; }\nhttp {\naccess_log off;\n", filepath.Join(dir, "pid"))
	for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&config, "%s_temp_path %s;\n", of, filepath.Join(dir, of))
	}
	config.WriteString(site)
	config.WriteString("\n}\n")
	return config.String()
}

// FetchNginx installs nginx where it is missing and we may. The title says what tests have then; where it is missing the error is a MissingError.
func FetchNginx(ctx context.Context, say io.Writer) (title string, err error) {
	path, err := findNginx()
	if err != nil {
		if err := installPackages(ctx, say, []string{"nginx"}); err != nil {
			return "", err
		}
		if path, err = findNginx(); err != nil {
			return "", err
		}
	}
	version, err := exec.CommandContext(ctx, path, "-v").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("nginx -v: %w", err)
	}
	_, title, _ = strings.Cut(strings.TrimSpace(string(version)), ": ")
	return title, nil
}

// findNginx is where nginx is, or a MissingError. Debian has it where only root's path leads.
func findNginx() (string, error) {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/nginx"
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	return "", &MissingError{
		What: "nginx",
		Mend: "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends nginx'   (or, on a Mac: brew install nginx)",
	}
}
