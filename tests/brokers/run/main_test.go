package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Without a C compiler `go tool task test` ended with a failure before any test ran, strict or not; and gcc without the C library's headers was taken for one.
func TestWithoutACompilerTheRaceDetectorIsOff(t *testing.T) {
	for name, compiler := range map[string]string{
		"none":            "",
		"without headers": "#!/bin/sh\nexit 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			folder := bareMachine(t)
			if compiler != "" {
				script(t, filepath.Join(folder, "gcc"), compiler)
			}
			told := filepath.Join(folder, "told")
			script(t, filepath.Join(folder, "command"), "#!/bin/sh\necho \"$@\" >"+told+"\n")

			if code := run("none", []string{filepath.Join(folder, "command"), "test", "-race", "./..."}); code != 0 {
				t.Errorf("the exit code is %d", code)
			}
			got, err := os.ReadFile(told)
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(string(got)) != "test ./..." {
				t.Errorf("the command was run with %q", got)
			}
		})
	}
}

func TestStrictlyACompilerMustBeThere(t *testing.T) {
	folder := bareMachine(t)
	t.Setenv("CI", "true")
	told := filepath.Join(folder, "told")
	script(t, filepath.Join(folder, "command"), "#!/bin/sh\ntouch "+told+"\n")

	if code := run("none", []string{filepath.Join(folder, "command"), "-race"}); code == 0 {
		t.Error("the exit code is 0")
	}
	if _, err := os.Stat(told); err == nil {
		t.Error("the command was run all the same")
	}
}

func TestStrictlyClientsMustBeThere(t *testing.T) {
	folder := bareMachine(t)
	told := filepath.Join(folder, "told")
	script(t, filepath.Join(folder, "command"), "#!/bin/sh\n: >"+told+"\n")

	if code := run("none", []string{filepath.Join(folder, "command")}); code != 0 {
		t.Errorf("the exit code is %d where nothing is strict", code)
	}
	if err := os.Remove(told); err != nil {
		t.Errorf("the command was not run: %v", err)
	}
	t.Setenv("CI", "true")
	if code := run("none", []string{filepath.Join(folder, "command")}); code == 0 {
		t.Error("the exit code is 0")
	}
	if _, err := os.Stat(told); err == nil {
		t.Error("the command was run all the same")
	}
}

// bareMachine lets the test see a path with nothing in it but a shell and a go that names its C compiler. It returns the folder that this path is.
func bareMachine(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Symlink("/bin/sh", filepath.Join(folder, "sh")); err != nil {
		t.Fatal(err)
	}
	script(t, filepath.Join(folder, "go"), "#!/bin/sh\necho gcc\n")
	t.Setenv("PATH", folder)
	t.Setenv("CI", "")
	t.Setenv("CULVERT_TEST_STRICT", "")
	return folder
}

func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}
