//go:build unix

package pgserver

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged makes processes that are not root's, and the directory theirs.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	sys := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return sys, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2, os.Chown(dir, uid, gid)); err != nil {
			return nil, err
		}
		sys.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return sys, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")
}
