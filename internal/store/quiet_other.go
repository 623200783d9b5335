//go:build !unix

package store

import (
	"net"
	"time"
)

// pingAfter is short, because quiet cannot look at a connection on this system.
const pingAfter = time.Second

func quiet(net.Conn) bool { return true }
