package main

import (
	"encoding/base64"
	"math/rand/v2"
)

// filler is a text of n bytes that no database can compress.
func filler(n int) string {
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		for j, x := 0, rand.Uint64(); j < 8 && i+j < n; j++ {
			b[i+j] = byte(x >> (8 * j))
		}
	}
	return base64.StdEncoding.EncodeToString(b)[:n]
}
