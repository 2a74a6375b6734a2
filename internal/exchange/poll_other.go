//go:build !unix

package exchange

import (
	"errors"
	"syscall"
)

const canPoll = false

func poll(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
