module github.com/autoreach/webhook/internal/sim

go 1.25

require github.com/autoreach/webhook v0.0.0

require (
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
)

replace github.com/autoreach/webhook => ../..
