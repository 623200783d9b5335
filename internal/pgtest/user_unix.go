//go:build unix

package pgtest

import (
	"os"
	"path/filepath"
	"syscall"
)

// asServerUser makes a command run in a session of its own and, if the tests run as root,
// as another user, who becomes the owner of the directory.
func asServerUser(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return attr, nil
	}
	uid, gid, err := serverUser()
	if err != nil {
		return nil, err
	}
	for _, path := range []string{dir, filepath.Join(dir, "log")} {
		if err := os.Chown(path, uid, gid); err != nil {
			return nil, err
		}
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}
