package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// profile does something while a profile of a bridge's processors is made, which goes to a file; the last one of a work stays.
func profile(ctx context.Context, p *Process, file string, period time.Duration, do func() error) error {
	failed := make(chan error, 1)
	// Ends when the profile does.
	go func() {
		url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", p.Admin, max(int(period/time.Second), 1))
		failed <- fetch(ctx, url, file)
	}()
	return errors.Join(do(), <-failed)
}

func fetch(ctx context.Context, url, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := operator.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	if err != nil || file == "" {
		return err
	}
	return os.WriteFile(file, body, 0o600)
}

// operator asks admin listeners. Each request has a connection of its own, which does not stay.
var operator = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// fileName is a work's name as a file can have it.
func fileName(work string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, work)
}
