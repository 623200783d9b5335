// Package refused gives tests an address that refuses connections. A port that merely
// seems free may get a listener: a service of the machine, or another test that runs
// at the same time.
//
// It promises that the address refuses every connection for as long as the process runs.
package refused

import (
	"fmt"
	"sync"
	"syscall"
)

// URL returns "http://127.0.0.1:PORT", without a path. The process keeps the port bound
// and never listens on it, so the kernel refuses connections to it and gives the port to
// nobody else. It is the same at every call. It panics if there is no free port.
var URL = sync.OnceValue(func() string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		panic(fmt.Sprintf("refused: socket: %v", err))
	}
	syscall.CloseOnExec(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		panic(fmt.Sprintf("refused: bind: %v", err))
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		panic(fmt.Sprintf("refused: name of the socket: %v", err))
	}
	return fmt.Sprintf("http://127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
})
