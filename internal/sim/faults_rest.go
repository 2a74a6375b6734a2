package sim

import (
	"context"

	"github.com/autoreach/webhook"
)

// Deliveries implements [webhook.Store], like the methods below.
func (l *link) Deliveries(ctx context.Context, q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
	return call(ctx, l, "Deliveries", func(ctx context.Context) ([]webhook.DeliveryRecord, error) {
		return l.observer.Deliveries(ctx, q)
	})
}

func (l *link) Resend(ctx context.Context, account string, id int64, op string) (int64, error) {
	return call(ctx, l, "Resend", func(ctx context.Context) (int64, error) {
		return l.observer.Resend(ctx, account, id, op)
	})
}

func (l *link) Recover(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	return call(ctx, l, "Recover", func(ctx context.Context) (int, error) {
		return l.observer.Recover(ctx, q)
	})
}

func (l *link) Dismiss(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	return call(ctx, l, "Dismiss", func(ctx context.Context) (int, error) {
		return l.observer.Dismiss(ctx, q)
	})
}

func (l *link) Purge(ctx context.Context, ages webhook.Ages, n int) (int, error) {
	return call(ctx, l, "Purge", func(ctx context.Context) (int, error) {
		return l.observer.Purge(ctx, ages, n)
	})
}

func (l *link) Stats(ctx context.Context) (webhook.StoreStats, error) {
	return call(ctx, l, "Stats", l.observer.Stats)
}

func (l *link) Pauses(ctx context.Context) (webhook.Pauses, error) {
	out, err := call(ctx, l, "Pauses", l.observer.Pauses)
	if err == nil {
		l.w.knowsPauses(l.p, out)
	}
	return out, err
}

func (l *link) SetPause(ctx context.Context, p webhook.Pause, on bool) error {
	_, err := call(ctx, l, "SetPause", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, l.observer.SetPause(ctx, p, on)
	})
	return err
}
