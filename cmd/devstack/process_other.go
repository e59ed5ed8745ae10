//go:build !linux

package devstack

import "syscall"

func childAttributes() *syscall.SysProcAttr { return nil }
