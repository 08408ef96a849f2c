package app_test

import (
	"path/filepath"
	"testing"

	"culvert/app"
)

// configs/kafka.yaml once named a secret that no machine had, so that the README's command with it did not start.
func TestEveryFileInConfigsIsRight(t *testing.T) {
	files, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		if _, err := app.Load(file, nil); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
