// Package system is what Culvert is measured against, each a process of its own: limits, which are bare sockets and prepared bytes, and what one writes naively.
//
// A limit knows neither topics nor brokers: whatever its publisher sends it goes to all its viewers as it is, whether those speak of event streams or of WebSockets.
package system
