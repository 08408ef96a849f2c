package routes

// own reports whether what begins with this segment is the bridge's: the routes of PROTOCOL §2 and the documents beside them.
func own(segment string) bool {
	switch segment {
	case "", "v1", "culvert.js", "culvert.d.ts", "openapi.yaml", "asyncapi.yaml":
		return true
	}
	return false
}
