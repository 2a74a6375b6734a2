package webhook

import (
	"context"
	"time"
)

const (
	// pauseInterval is how soon a pause that was set in another process is
	// followed.
	pauseInterval = 500 * time.Millisecond
	purgeInterval = time.Minute
	purgeChunk    = 1000
)

// watchLoop follows the operator's pauses.
func (e *engine) watchLoop(ctx context.Context) {
	for ctx.Err() == nil {
		e.watchPauses(ctx)
		wait(ctx, e.watchSignal, pauseInterval)
	}
}

func (e *engine) watchPauses(ctx context.Context) {
	call, cancel := e.call(ctx)
	p, err := e.store.Pauses(call)
	cancel()
	if e.failed(ctx, "pauses", err) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.Seq <= e.pauses.Seq { // a late answer brings no old state back
		return
	}
	e.pauses = p
	for _, l := range e.lanes {
		e.advance(l, time.Now())
	}
	notify(e.claimSignal)
}

// purgeLoop forgets what is past its age.
func (e *engine) purgeLoop(ctx context.Context) {
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, purgeInterval)
		n, err := e.d.Purge(call, purgeChunk)
		cancel()
		if e.failed(ctx, "purge", err) || n == 0 {
			wait(ctx, nil, jitter(purgeInterval))
		}
	}
}

// newsLoop tells the host of changes, one at a time.
func (e *engine) newsLoop(ctx context.Context) {
	for {
		ended := ctx.Err() != nil // asked before the look: then nothing can come after it
		e.mu.Lock()
		news := e.news
		e.news = nil
		e.mu.Unlock()
		for _, c := range news {
			e.tell(c)
		}
		if len(news) > 0 {
			continue
		}
		if ended {
			return
		}
		wait(ctx, e.newsSignal, longSleep)
	}
}

func (e *engine) tell(c Change) {
	defer e.recovered("Options.OnChange")
	e.o.OnChange(c)
}
