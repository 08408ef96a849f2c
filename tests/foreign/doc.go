// Package foreign holds tests with programs that are not ours on the other side: Apache's own console producer and consumer, and a Watermill
// application.
package foreign
