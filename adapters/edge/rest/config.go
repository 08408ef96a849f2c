package rest

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Config bounds what a request may take. It is the section rest of the configuration.
type Config struct {
	// BodyTimeout is how long a read of a body may wait for its next bytes.
	BodyTimeout time.Duration `mapstructure:"body_timeout"`
	// IdleTimeout is how long a stream of NDJSON may pause.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// WriteTimeout is how long results may wait for a client that does not read them, once no more of them fit.
	WriteTimeout time.Duration `mapstructure:"write_timeout"`
	// BatchBytes is how long the body of a JSON batch may be.
	BatchBytes int `mapstructure:"batch_bytes"`
	// ResultBytes is how much a client may leave unread of the results of a stream of NDJSON before no more of its lines are read.
	ResultBytes int `mapstructure:"result_bytes"`
	// Guides is the URL of the folder of the guides, with a slash at its end: the page at / links to them there. Where it is empty the page names their files.
	Guides string `mapstructure:"guides"`
	// Drain is over how long clients are spread that are all sent away at once, by a shutdown.
	Drain time.Duration `mapstructure:"-"`
}

// DefaultConfig suits clients anywhere on the internet.
func DefaultConfig() Config {
	return Config{BodyTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute, WriteTimeout: 20 * time.Second, BatchBytes: 16 << 20, ResultBytes: 4 << 20}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"body_timeout", c.BodyTimeout}, {"idle_timeout", c.IdleTimeout}, {"write_timeout", c.WriteTimeout}} {
		if d.d < time.Millisecond {
			return fmt.Errorf("rest.%s is %s: it must be at least 1ms", d.name, d.d)
		}
	}
	switch {
	case c.BatchBytes < 1:
		return fmt.Errorf("rest.batch_bytes is %d: it must be at least 1", c.BatchBytes)
	case c.ResultBytes < 1:
		return fmt.Errorf("rest.result_bytes is %d: it must be at least 1", c.ResultBytes)
	case c.Guides != "" && !folderURL(c.Guides):
		return fmt.Errorf("rest.guides is %q: give the URL of a folder, like https://git.example.com/culvert/blob/main/docs/", c.Guides)
	}
	return nil
}

func folderURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.HasSuffix(u.Path, "/") && u.RawQuery == "" && u.Fragment == ""
}
