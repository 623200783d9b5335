//go:build unix

package store

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"
)

// pingAfter is how long a connection idles until it is pinged before it is used, in
// case something between us and the server forgot it.
const pingAfter = 30 * time.Second

// quiet reports whether there is nothing to read on an idle connection. If there is,
// it is most likely its end: the server, or a pooler, says why it closes it.
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
	// Not as a reader, of which there is one at a time: after a slow write pgx leaves one
	// behind that waits for what comes next. It never waits: Go's sockets do not block.
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		yes = errors.Is(err, syscall.EAGAIN)
	})
	return yes && err == nil
}
