package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says where a bridge is, and how it is reached.
type Config struct {
	// URL is the bridge's, http or https. Where it has a path, the protocol's paths begin below it.
	URL string
	// Token is sent as a bearer token where it is not empty.
	Token string
	// CA is a file of certificates in PEM that are trusted beside the system's; empty: none.
	CA string
	// Insecure takes any certificate.
	Insecure bool
	// Agent is what the client calls itself.
	Agent string
}

// API is one bridge as its clients see it. It may be used by many at a time.
type API struct {
	base      *url.URL
	header    http.Header // of every request
	http      *http.Client
	transport *http.Transport
}

// New makes an API. It does not connect. The caller closes it.
func New(cfg Config) (*API, error) {
	base, err := url.Parse(cfg.URL)
	switch {
	case err != nil && strings.Contains(cfg.URL, "://"):
		return nil, fmt.Errorf("the URL of the bridge cannot be read: %w", err)
	case err != nil, base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("%q is no URL of a bridge: it begins with http:// or https://, like http://127.0.0.1:8080", cfg.URL)
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("the URL of a bridge ends with its path: %q has more", cfg.URL)
	}
	trust, err := trustOf(cfg)
	if err != nil {
		return nil, err
	}
	// A stream takes a connection for itself, so HTTP/1.1 does as well as any.
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust}
	a := &API{base: base, header: http.Header{}, http: &http.Client{Transport: transport}, transport: transport}
	if cfg.Agent != "" {
		a.header.Set("User-Agent", cfg.Agent)
	}
	if cfg.Token != "" {
		a.header.Set("Authorization", "Bearer "+cfg.Token)
	}
	return a, nil
}

func trustOf(cfg Config) (*tls.Config, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.Insecure}
	if cfg.CA == "" {
		return trust, nil
	}
	pem, err := os.ReadFile(cfg.CA)
	if err != nil {
		return nil, fmt.Errorf("reading the certificates to trust: %w", err)
	}
	if trust.RootCAs, err = x509.SystemCertPool(); err != nil {
		trust.RootCAs = x509.NewCertPool()
	}
	if !trust.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", cfg.CA)
	}
	return trust, nil
}

// Close lets go of connections that nobody uses.
func (a *API) Close() { a.transport.CloseIdleConnections() }

// URL is where the bridge is, for people.
func (a *API) URL() string { return a.base.Redacted() }

// at is the URL of a route. names are the segments of its path, of any characters.
func (a *API) at(query url.Values, names ...string) string {
	u := strings.TrimRight(a.base.Scheme+"://"+a.authority()+a.base.EscapedPath(), "/")
	for _, name := range names {
		u += "/" + url.PathEscape(name)
	}
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// authority is the host, after the user that the URL may name.
func (a *API) authority() string {
	if a.base.User == nil {
		return a.base.Host
	}
	return a.base.User.String() + "@" + a.base.Host
}

// do sends a request and gives the answer, whose body is the caller's to close, if its status is below 300. Any other one is a *Problem, no answer at all an
// *Unreachable; an error of ctx stays one.
func (a *API) do(ctx context.Context, method, at string, header http.Header, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return nil, err
	}
	for _, h := range []http.Header{a.header, header} {
		for name, values := range h {
			request.Header[name] = values
		}
	}
	answer, err := a.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, a.unreachable(err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		defer answer.Body.Close()
		return nil, problemOf(answer)
	}
	return answer, nil
}

// documentTimeout is how long a bridge may take for a document.
const documentTimeout = 30 * time.Second

// get reads the JSON of a route into v.
func (a *API) get(ctx context.Context, v any, names ...string) error {
	return a.ask(ctx, http.MethodGet, nil, v, names...)
}

// ask sends a request that is answered within documentTimeout, and reads the JSON of the answer into v.
func (a *API) ask(ctx context.Context, method string, body, v any, names ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, documentTimeout, a.unreachable(fmt.Errorf("nothing came for %s", documentTimeout)))
	defer cancel()
	return a.askPatiently(ctx, method, body, v, names...)
}

// askPatiently is ask for what takes as long as it takes. A body of nil is none; a v of nil takes nothing of the answer.
func (a *API) askPatiently(ctx context.Context, method string, body, v any, names ...string) error {
	header, sent := http.Header(nil), io.Reader(http.NoBody)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		header, sent = http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(text)
	}
	answer, err := a.do(ctx, method, a.at(nil, names...), header, sent)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if v == nil {
		return nil
	}
	return a.read(answer, v)
}

// maxDocument is how long a document may be: a list of some hundred thousand topics.
const maxDocument = 64 << 20

// read takes the JSON of an answer.
func (a *API) read(answer *http.Response, v any) error {
	if err := a.expect(answer, "application/json"); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", a.URL(), err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", a.URL(), err)
	}
	return nil
}

// expect refuses an answer of another type: it is not a bridge's.
func (a *API) expect(answer *http.Response, contentType string) error {
	if got := answer.Header.Get("Content-Type"); !strings.HasPrefix(got, contentType) {
		return fmt.Errorf("what answers at %s is no bridge: it sends %q where a bridge sends %s", a.URL(), got, contentType)
	}
	return nil
}
