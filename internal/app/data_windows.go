package app

import (
	"os"
	"path/filepath"
)

// lockFile does nothing: on Windows only SQLite's own lock keeps a second server out.
func lockFile(*os.File) error { return nil }

// fileNumber is a text that no other file on this machine has: its path.
func fileNumber(f *os.File) (string, error) { return filepath.Abs(f.Name()) }

// requestsInFlight is how many outgoing requests may be open at once.
func requestsInFlight() int { return 1024 }
