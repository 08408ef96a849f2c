// Package browser holds tests of the bridge with pages in a real Chromium: the browser's own EventSource and WebSocket, and the browser client.
//
// Each test has a profile of its own (open), which shares neither connections nor workers nor storage with another's, and is served its pages by a server of its own, so that they are
// foreign to the bridge as most pages are. What pages do stands in testdata, as their authors would write it; they note what they are shown for the test to read, and what they complain of
// fails it.
package browser
