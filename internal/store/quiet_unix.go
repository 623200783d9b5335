//go:build unix

package store

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"
)

// pingAfter is how long a connection can be idle and still be used without a ping. After
// that, a firewall or NAT on the way may have dropped it.
const pingAfter = 30 * time.Second

// quiet reports whether there is nothing to read on an idle connection. If there is, it
// is most likely the message with which the server, or a pooler, closes it.
func quiet(conn net.Conn) (yes bool) {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	// Control instead of Read: there can be one reader at a time, and after a slow write pgx
	// leaves one behind. The call does not wait, since Go's sockets are non-blocking.
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		yes = errors.Is(err, syscall.EAGAIN)
	})
	return yes && err == nil
}
