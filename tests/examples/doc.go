// Package examples holds tests of the programs in docs/examples, run as they stand there; of its pages see package browser.
package examples
