package devstack

import "syscall"

// childAttributes put the server into a process group of its own, so that
// Ctrl-C reaches us first and we stop it in order, and let the kernel end it
// when we are killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
