package edge

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"culvert/domain"
)

// The table of PROTOCOL §6, written down again.
func TestTheTableIsTheProtocols(t *testing.T) {
	for _, c := range []struct {
		code          domain.Code
		status, close int
		retryAfter    bool
	}{
		{domain.InvalidRequest, 400, 4501, false},
		{domain.InvalidCursor, 400, 4501, false},
		{domain.Unauthenticated, 401, 4500, false},
		{domain.NotAllowed, 403, 4505, false},
		{domain.UnknownTopic, 404, 4504, false},
		{domain.UnknownQueue, 404, 4504, false},
		{domain.UnknownStream, 404, NoClose, false},
		{domain.UnknownRoute, 404, NoClose, false},
		{domain.MethodNotAllowed, 405, NoClose, false},
		{domain.NotAcceptable, 406, NoClose, false},
		{domain.Conflict, 409, 4507, false},
		{domain.TooLarge, 413, 1009, false},
		{domain.UnsupportedMediaType, 415, NoClose, false},
		{domain.Misdirected, 421, NoClose, false},
		{domain.UpgradeRequired, 426, NoClose, false},
		{domain.TooManyRequests, 429, 4005, true},
		{domain.Internal, 500, 1011, false},
		{domain.Unsupported, 501, 4506, false},
		{domain.Unavailable, 503, 4001, true},
		{domain.Timeout, 504, NoClose, false},
	} {
		t.Run(string(c.code), func(t *testing.T) {
			if got := StatusOf(c.code); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
			if got := CloseCodeOf(c.code); got != c.close {
				t.Errorf("close code %d, want %d", got, c.close)
			}
			w := httptest.NewRecorder()
			WriteProblem(w, domain.Errorf(c.code, "a %q\nb", "x"))
			var p struct {
				Code      string `json:"code"`
				Title     string `json:"title"`
				Detail    string `json:"detail"`
				Status    int    `json:"status"`
				Retryable bool   `json:"retryable"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != c.status || p.Status != c.status || p.Code != string(c.code) || p.Title == "" || p.Retryable != c.code.Retryable() {
				t.Errorf("problem %d %s", w.Code, w.Body)
			}
			if c.code != domain.Internal && p.Detail != "a \"x\"\nb" {
				t.Errorf("detail %q", p.Detail)
			}
			if got := w.Header().Get("Retry-After") != ""; got != c.retryAfter {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
			if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type %q", got)
			}
		})
	}
}

func TestStrangersAreToldNothingFromInside(t *testing.T) {
	secret := errors.New("password hunter2 at db:5432")
	for _, err := range []error{secret, domain.Errorf(domain.Internal, "hunter2 in %s", "here"), domain.Errorf(domain.Unavailable, "the broker cannot be reached").Because(secret), domain.Errorf(domain.Internal, "").Because(secret)} {
		w := httptest.NewRecorder()
		WriteProblem(w, err)
		for _, told := range []string{w.Body.String(), CloseReason(err), string(AppendErr(nil, "7", err))} {
			if strings.Contains(told, "hunter2") {
				t.Errorf("told: %s", told)
			}
		}
	}
}

func TestACloseReasonIsCutBetweenRunes(t *testing.T) {
	for n := range 200 {
		reason := CloseReason(domain.Errorf(domain.InvalidRequest, "%s%s", strings.Repeat("a", n%7), strings.Repeat("🙂é", n)))
		if len(reason) > 123 || !utf8.ValidString(reason) || !strings.HasPrefix(reason, "invalid-request: ") {
			t.Fatalf("%d bytes: %q", len(reason), reason)
		}
		if n > 60 && len(reason) < 120 {
			t.Fatalf("cut too short: %d bytes", len(reason))
		}
	}
}

func TestEveryByeHasACloseCode(t *testing.T) {
	for reason, want := range map[domain.ByeReason]int{domain.ByeEnd: 1000, domain.ByeShutdown: 4001, domain.ByeUnavailable: 4001, domain.ByeOverload: 4005, domain.ByeSlow: 4002, domain.ByeRotate: 4006, domain.ByeInternal: 1011} {
		if got := CloseCodeOfBye(reason); got != want {
			t.Errorf("%s: %d, want %d", reason, got, want)
		}
	}
}
