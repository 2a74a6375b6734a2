//go:build !windows

package sqlitestore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks the file, or says that another one holds the lock.
func lockFile(f *os.File) (held bool, err error) {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return false, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return true, nil
		case !errors.Is(err, unix.EINTR):
			return false, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}
