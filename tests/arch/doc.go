// Package arch judges the import graph: which package may know of which (the law of arrows), where the libraries live, and what lies
// at the top of the tree. Its test is the law's only text in code; a change of the law is a change here.
package arch
