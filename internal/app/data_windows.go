package app

import (
	"os"
)

// lockFile: SQLite's own lock has to do on Windows.
func lockFile(*os.File) error { return nil }

func requestsInFlight() int { return 1024 }
