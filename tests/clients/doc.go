// Package clients holds tests of the bridge with clients that are not ours: npm's eventsource and ws, Python's sseclient-py, websockets, requests and urllib. Their
// programs, in testdata, are written as their users would, and print what they are shown as lines of JSON: those that view a topic, and those that work at a queue.
package clients
