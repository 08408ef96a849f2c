//go:build !unix

package display

import "context"

// Unread returns at once: whether anybody reads shows at the next write.
func Unread(context.Context, any, func()) {}
