package client

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
)

// mute takes requests and does not answer.
type mute struct{}

func (mute) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A list was waited for as long as the connection stood, which may be for good.
func TestADocumentThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, "http://127.0.0.1:1")
		a.http.Transport = mute{}
		_, err := a.Topics(t.Context())
		if !errors.As(err, new(*Unreachable)) || err.Error() != "no bridge answers at http://127.0.0.1:1: nothing came for 30s" {
			t.Errorf("it ended with %v", err)
		}
	})
}
