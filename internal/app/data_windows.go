package app

import (
	"os"
	"path/filepath"
)

// lockFile: SQLite's own lock has to do on Windows.
func lockFile(*os.File) error { return nil }

// fileNumber tells a file from its copies on this machine.
func fileNumber(f *os.File) (string, error) { return filepath.Abs(f.Name()) }

func requestsInFlight() int { return 1024 }
