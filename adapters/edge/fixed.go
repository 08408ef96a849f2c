package edge

import (
	"bytes"
	"context"
	"net/http"

	"culvert/domain"
)

// Fixed is what a route of the operator's own has settled for a request, beside what stands in its URL. The zero Fixed settles nothing.
type Fixed struct {
	// Key is the key of all that is viewed and injected; nil: there may be any.
	Key []byte
	// Headers are what a message must carry to be viewed. They are not given to what is injected.
	Headers []domain.Header
	// Refusal is why a handshake cannot be answered, so that the close can tell it; nil where it can.
	Refusal error
}

type fixedKey struct{}

// WithFixed is ctx for a request of which f is settled.
func WithFixed(ctx context.Context, f Fixed) context.Context {
	return context.WithValue(ctx, fixedKey{}, f)
}

// FixedIn is what WithFixed gave ctx.
func FixedIn(ctx context.Context) Fixed {
	f, _ := ctx.Value(fixedKey{}).(Fixed)
	return f
}

// Filters reports whether only some messages of the topic may be viewed.
func (f Fixed) Filters() bool { return f.Key != nil || len(f.Headers) > 0 }

// KeyOf is the key of a message for which a client gave this one, nil where it gave none. Another one than the fixed is an InvalidRequest error.
func (f Fixed) KeyOf(given []byte) ([]byte, error) {
	switch {
	case f.Key == nil:
		return given, nil
	case given != nil && !bytes.Equal(given, f.Key):
		return nil, domain.Errorf(domain.InvalidRequest, "the key is %q on this URL, not %q; it may be left out", cut(string(f.Key), maxShown), cut(string(given), maxShown))
	}
	return f.Key, nil
}

// Fix gives what is fixed to View, and gives p.
func (p *Params) Fix(f Fixed) *Params {
	p.fixed = f
	return p
}

// RequestParams are the parameters of a request: those of its query, of which View knows what is fixed besides.
func RequestParams(r *http.Request, limits domain.Limits) *Params {
	return QueryParams(r.URL.RawQuery, limits).Fix(FixedIn(r.Context()))
}
