// Package docs holds tests of what the project's pages tell people to do: each fenced block of README.md, CONTRIBUTING.md and docs is taken from its page and run, shown or
// read. CONTRIBUTING.md has the rule that writers follow.
package docs
