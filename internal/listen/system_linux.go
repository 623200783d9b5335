package listen

import (
	"net"
	"syscall"
)

// tcpNotSentLowAt is TCP_NOTSENT_LOWAT, which package syscall does not name.
const tcpNotSentLowAt = 0x19

// soften lets the system keep only little of what the peer has no room for. Otherwise it takes megabytes at once, and
// then nothing for so long that a slow peer looks like one that has stopped.
func soften(nc net.Conn) {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// Without it, only slower peers than we promise are cut early.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowAt, 2*piece)
	})
}
