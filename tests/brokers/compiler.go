package brokers

import (
	"context"
	"io"
	"os/exec"
	"strings"
)

// CCompiler installs a C compiler, with which Go links the race detector, where it is missing and we may. It returns a MissingError where there is none then.
func CCompiler(ctx context.Context, say io.Writer) error {
	if checkCompiler(ctx) == nil {
		return nil
	}
	if err := installPackages(ctx, say, []string{"gcc"}, []string{"libc6-dev"}); err != nil {
		return err
	}
	return checkCompiler(ctx)
}

// checkCompiler looks for the headers of the C library, too: Debian has gcc without them.
func checkCompiler(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", "$(go env CC) -fsyntax-only -x c -")
	cmd.Stdin = strings.NewReader("#include <stdlib.h>\n")
	if cmd.Run() == nil {
		return nil
	}
	return &MissingError{
		What: "a C compiler with its library's headers",
		Mend: "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev'   (or, on a Mac: xcode-select --install)",
	}
}
