package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// profile does something while a profile of a bridge's processors is made, which goes to a file; the last one of a work stays.
func profile(ctx context.Context, p *Process, file string, period time.Duration, do func() error) error {
	failed := make(chan error, 1)
	// Ends when the profile does.
	go func() {
		profile, err := fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", p.Admin, max(int(period/time.Second), 1)))
		if err == nil {
			err = os.WriteFile(file, profile, 0o600)
		}
		failed <- err
	}()
	return errors.Join(do(), <-failed)
}

// allocationsOf is how often a bridge has allocated so far; 0 where a process does not tell.
func allocationsOf(ctx context.Context, p *Process) (int, error) {
	if p.Admin == "" {
		return 0, nil
	}
	told, err := fetch(ctx, p.Admin+"/debug/pprof/heap?debug=1")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(told), "\n# Mallocs = ")
	text, _, _ := strings.Cut(rest, "\n")
	return strconv.Atoi(text)
}

// fetch asks an admin listener.
func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := operator.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, err
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
