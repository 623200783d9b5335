//go:build !unix

package listen

import "math"

// fileLimit is how many files and sockets the process can have open.
func fileLimit() int { return math.MaxInt32 }
