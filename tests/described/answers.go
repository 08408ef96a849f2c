package described

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// ErrUndescribed is in the errors of clients who were given what is not in the descriptions.
var ErrUndescribed = errors.New("it was answered as the descriptions do not say")

// Transport is next for clients of bridges. An answer that is not as it is described is an error, of the request, or of reading what is streamed: as far as it begins, see enough, and where it is not of a kind that was judged often, see plenty. So is
// a request that a bridge accepts, and the descriptions do not. What is not a bridge's, as a proxy's own answer, is let through.
func Transport(next http.RoundTripper) http.RoundTripper { return &transport{next} }

type transport struct{ next http.RoundTripper }

// CloseIdleConnections is for http.Client.
func (t *transport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	answer, err := t.next.RoundTrip(r)
	if err != nil || !ours(answer) {
		return answer, err
	}
	if err := d.judge(r, answer); err != nil {
		answer.Body.Close()
		return nil, fmt.Errorf("%s %s: %w: %w", r.Method, r.URL, ErrUndescribed, err)
	}
	return answer, nil
}

// ours reports whether a bridge's edge gave the answer, by a field that all of its answers have.
func ours(answer *http.Response) bool {
	return answer.Header.Get("X-Content-Type-Options") == "nosniff"
}

// judge looks at an answer as far as it is there, and lets the rest be looked at when it is read.
func (d *descriptions) judge(r *http.Request, answer *http.Response) error {
	route, values := d.route(r)
	if route == nil {
		return d.judgeOther(r, answer)
	}
	contentType := contentTypeOf(answer)
	streamed := contentType == typeSSE || contentType == typeNDJSON
	if !streamed && d.judged.often(fmt.Sprint(r.Method, route.Path, answer.StatusCode)) {
		return nil
	}
	// What is asked of a socket is refused by its close.
	if status := answer.StatusCode; status >= http.StatusOK && status < http.StatusBadRequest {
		if err := accepted(r, route, values); err != nil {
			return fmt.Errorf("the request was accepted: %w", err)
		}
	}
	if streamed {
		if err := d.filter(r, answer, route, values, nil); err != nil {
			return err
		}
		return d.stream(r, answer, route, contentType)
	}
	return d.whole(answer, func(body []byte) error {
		if err := d.filter(r, answer, route, values, body); err != nil || r.Method == http.MethodHead {
			return err
		}
		if contentType != typeJSON && contentType != typeProblem {
			return nil
		}
		schema, err := d.content(route, answer.StatusCode, contentType, "schema")
		if err != nil {
			return err
		}
		return check(schema, body)
	})
}

// judgeOther looks at the answer on a path, or to a method, that is not described: a configured route's, or an error.
func (d *descriptions) judgeOther(r *http.Request, answer *http.Response) error {
	switch contentType := contentTypeOf(answer); {
	case contentType == typeProblem && r.Method != http.MethodHead:
		schema, err := d.schema(openAPI + "#/components/schemas/Problem")
		if err != nil {
			return err
		}
		return d.whole(answer, func(body []byte) error { return check(schema, body) })
	case contentType == typeSSE && answer.StatusCode == http.StatusOK:
		return d.stream(r, answer, nil, contentType)
	}
	return nil
}

// whole judges an answer that has an end, and puts it back. One that breaks off is no matter of descriptions.
func (d *descriptions) whole(answer *http.Response, judge func(body []byte) error) error {
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return judge(nil)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		answer.Body = both{io.MultiReader(bytes.NewReader(body), broken{err}), answer.Body}
		return nil
	}
	answer.Body = both{bytes.NewReader(body), answer.Body}
	return judge(body)
}

// both reads from one and closes the other.
type both struct {
	io.Reader
	io.Closer
}

// broken is a body that broke off.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// filter lets kin-openapi judge an answer: its status, the fields of its header, and, where it is not nil, its body.
func (d *descriptions) filter(r *http.Request, answer *http.Response, route *routers.Route, values map[string]string, body []byte) error {
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: values, Route: route},
		Status:                 answer.StatusCode,
		Header:                 asSent(answer.Header),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: body == nil},
	}
	if body != nil {
		input.SetBodyBytes(body)
	}
	described := route.Operation.Responses.Status(answer.StatusCode)
	if described != nil && len(body) > 0 && len(described.Value.Content) == 0 {
		return fmt.Errorf("%d has a body", answer.StatusCode)
	}
	return openapi3filter.ValidateResponse(r.Context(), input)
}

// asSent is a header as the bridge sent it: an nginx on the way obeys X-Accel-Buffering, and keeps it.
func asSent(h http.Header) http.Header {
	if !strings.HasPrefix(h.Get("Server"), "nginx") {
		return h
	}
	h = h.Clone()
	h.Set("X-Accel-Buffering", "no")
	return h
}

// content is the schema that a route's answer of a content type has there.
func (d *descriptions) content(route *routers.Route, status int, contentType, name string) (*jsonschema.Schema, error) {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	place := fmt.Sprintf("/paths/%s/%s/responses/%d", escape.Replace(route.Path), strings.ToLower(route.Method), status)
	if ref := refOf(at(d.pages[openAPI], place)); ref != "" {
		place = strings.TrimPrefix(ref, "#")
	}
	return d.schema(openAPI + "#" + place + "/content/" + escape.Replace(contentType) + "/" + name)
}

// passedOver are the parameters that polyfills add.
var passedOver = []string{"_", "r", "t", "padding"}

// accepted judges a request that a bridge did not refuse: whether its parameters are described, and as they are.
func accepted(r *http.Request, route *routers.Route, values map[string]string) error {
	for name := range r.URL.Query() {
		if !slices.Contains(passedOver, name) && parameter(route, "query", name) == nil {
			return fmt.Errorf("the parameter %s is not described", name)
		}
	}
	// Validating reads what is the bridge's by now.
	asked := r.Clone(r.Context())
	asked.Body = http.NoBody
	return openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: asked, PathParams: values, Route: route,
		Options: &openapi3filter.Options{ExcludeRequestBody: true, SkipSettingDefaults: true},
	})
}

// parameter is one of a route; nil where there is none.
func parameter(route *routers.Route, in, name string) *openapi3.Parameter {
	if p := route.Operation.Parameters.GetByInAndName(in, name); p != nil {
		return p
	}
	return route.PathItem.Parameters.GetByInAndName(in, name)
}

// route finds what describes a request, and the variables of its path; nil where nothing does.
func (d *descriptions) route(r *http.Request) (*routers.Route, map[string]string) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for path, item := range d.http.Paths.Map() {
		values, ok := match(strings.Split(path, "/"), segments)
		if !ok {
			continue
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet // HEAD goes where a document can be had
		}
		operation := item.GetOperation(method)
		if operation == nil {
			return nil, nil
		}
		return &routers.Route{Spec: d.http, Path: path, PathItem: item, Method: r.Method, Operation: operation}, values
	}
	return nil, nil
}

// match compares the segments of a path with those of a template. Of ours there is at most one that fits.
func match(template, path []string) (map[string]string, bool) {
	if len(template) != len(path) {
		return nil, false
	}
	values := map[string]string{}
	for i, segment := range template {
		name, variable := strings.CutPrefix(segment, "{")
		if !variable {
			if segment != path[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(path[i])
		if err != nil {
			return nil, false
		}
		values[strings.TrimSuffix(name, "}")] = value
	}
	return values, true
}

// The content types that are more than JSON.
const (
	typeSSE     = "text/event-stream"
	typeNDJSON  = "application/x-ndjson"
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
)

func contentTypeOf(answer *http.Response) string {
	name, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return name
}

// errUndescribed joins why a thing is none of those that are described.
func errUndescribed(what string, thing []byte, why []error) error {
	return fmt.Errorf("%s %q is not described: %w", what, thing, errors.Join(why...))
}
