//go:build !unix

package store

import (
	"net"
	"time"
)

// pingAfter is short where quiet cannot look at a connection.
const pingAfter = time.Second

func quiet(net.Conn) bool { return true }
