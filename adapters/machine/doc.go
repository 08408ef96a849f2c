// Package machine tells how much this process may have of the machine that it runs on, and how near it is to that: descriptors, and memory.
package machine
