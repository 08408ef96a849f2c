package brokers

import (
	"errors"
	"os"
	"path/filepath"
)

// cachePath is where a folder that is fetched once is kept.
func cachePath(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "culvert", name), nil
}

// cached gives the folder name of the user's cache. Where it is not there yet, fill makes it below a folder for its work and returns its path; processes that fetch at
// the same moment do not disturb each other, since it appears whole or not at all.
func cached(name string, fill func(work string) (string, error)) (string, error) {
	folder, err := cachePath(name)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(folder), "fetching-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	filled, err := fill(work)
	if err != nil {
		return "", err
	}
	if err := os.Rename(filled, folder); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return folder, nil
}
