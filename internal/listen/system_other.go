//go:build !linux

package listen

import "net"

// soften lets the system keep only little of what the peer has no room for. Otherwise it takes megabytes at once, and
// then nothing for so long that a slow peer looks like one that has stopped.
func soften(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(8 * piece) // without it, only slower peers than we promise are cut early
	}
}
