package pgtest

import "syscall"

// asServerUser changes nothing here: name a server with GANCHO_TEST_POSTGRES.
func asServerUser(string) (*syscall.SysProcAttr, error) {
	_, _, err := serverUser()
	return nil, err
}
