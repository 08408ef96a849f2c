// Package routes serves paths of the operator's own, each of which stands for a topic, a key of a topic, or a queue. A request for one of them becomes the request
// of PROTOCOL §2 that it stands for, and goes on to the edge that answers that; this package answers nothing itself.
package routes
