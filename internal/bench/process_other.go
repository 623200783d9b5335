//go:build !linux

package bench

import "syscall"

// dieWithParent has no equal outside Linux: there, the closed standard input
// and the deferred stops must do.
func dieWithParent() *syscall.SysProcAttr { return nil }
