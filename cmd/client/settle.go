package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
)

// SettleUpTo settles all that a stream of a queue was given up to a receipt and with it.
func (a *API) SettleUpTo(ctx context.Context, stream, receipt string) error {
	body, err := json.Marshal(map[string]string{"upto": receipt})
	if err != nil {
		return err
	}
	answer, err := a.do(ctx, http.MethodPost, a.at(nil, "v1", "streams", stream, "done"), http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(body))
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
