// Package ports holds what the services ask of a broker (driven.go) and what an edge may ask of the services (driving.go).
package ports
