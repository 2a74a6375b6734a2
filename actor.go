package webhook

import "context"

type actorKey struct{}

// WithActor says who makes the changes that are made with the context: a
// user's ID, an address, the name of a job, whatever the host's own audit says.
// It is kept with the change, in [Endpoint].ChangedBy.
//
// Middleware is a good place to call it. At most 200 bytes of printable text;
// an endpoint is not changed with another one, which is an [*InvalidError].
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// actor is whom WithActor named, empty if nobody.
func actor(ctx context.Context) (string, error) {
	who, _ := ctx.Value(actorKey{}).(string)
	var p problems
	switch {
	case len(who) > maxActor:
		p.add("actor", "too_long", itoa(maxActor), "is %d bytes long; the limit is %d (see WithActor)", len(who), maxActor)
	case !printable(who):
		p.add("actor", "character", "", "holds a control character or is not UTF-8 (see WithActor)")
	}
	return who, p.err()
}
