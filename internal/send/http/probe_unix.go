//go:build unix

package http

import (
	"io"
	"syscall"
)

// probeWaits says whether a probe of a connection waits.
const probeWaits = false

// arrived reads what has arrived, without waiting; errNothing: nothing.
func (s *socket) arrived(p []byte) (n int, err error) {
	if s.raw == nil {
		return 0, io.ErrClosedPipe
	}
	outer := s.raw.Read(func(fd uintptr) bool {
		for {
			n, err = syscall.Read(int(fd), p) // sockets of package net never block
			if err != syscall.EINTR {
				return true
			}
		}
	})
	switch {
	case outer != nil:
		return 0, outer
	case err == syscall.EAGAIN:
		return 0, errNothing
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
