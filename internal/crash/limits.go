package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileSizeSignal makes a write beyond the process's file size limit an
// error, as on a full disk, instead of the process's end.
func ignoreFileSizeSignal() { signal.Ignore(syscall.SIGXFSZ) }
