package edge

import "net/http"

// Inner is the connection's own writer, below what wraps it. Streams write to it once the header is sent through w: wrappers
// swallow the errors of a flush.
func Inner(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}
