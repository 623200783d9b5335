//go:build !unix

package http

import "time"

// probeWaits says that a probe of a connection waits. So many connections are not probed in a row.
const probeWaits = true

// arrived reads what has arrived; errNothing: nothing. Other systems have no read that does not
// wait, so this one waits for a moment.
func (s *socket) arrived(p []byte) (int, error) {
	if err := s.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return 0, err
	}
	n, err := s.Conn.Read(p)
	if n == 0 && isDeadline(err) {
		return 0, errNothing
	}
	return n, err
}
