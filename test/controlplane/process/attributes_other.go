//go:build !linux

package process

import "syscall"

// Only Linux can tie a child to the life of its parent: elsewhere a killed parent leaves its children behind.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
