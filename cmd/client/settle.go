package client

import (
	"context"
	"net/http"
)

// SettleUpTo settles all that a stream of a queue was given up to a receipt and with it.
func (a *API) SettleUpTo(ctx context.Context, stream, receipt string) error {
	return a.ask(ctx, http.MethodPost, map[string]string{"upto": receipt}, nil, "v1", "streams", stream, "done")
}
