package pgstore_test

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"
)

var lastID atomic.Uint64

// newID returns a UUIDv7; later ones are greater.
func newID() string {
	n := lastID.Add(1)
	var b [16]byte
	_, _ = rand.Read(b[8:])
	ms := uint64(time.Now().UnixMilli()) + n>>12
	binary.BigEndian.PutUint64(b[:8], ms<<16|0x7000|n&0xfff)
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
