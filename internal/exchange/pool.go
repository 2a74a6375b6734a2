package exchange

import (
	"container/list"
	"net/url"
	"slices"
	"sync"
	"time"
)

// sweepEvery is how often a pool that holds connections looks for those that
// have been idle for too long.
const sweepEvery = 10 * time.Second

// key says which exchanges may share a connection.
type key struct{ scheme, host string }

func keyOf(u *url.URL) key { return key{u.Scheme, u.Host} }

// pool keeps idle connections. It has no goroutine, and a timer only while it
// holds something.
type pool struct {
	perHost, most int

	mu    sync.Mutex
	idle  map[key][]*conn // each from the longest idle one to the latest
	order list.List       // all of them, in the same order
	timer *time.Timer     // nil: not running
}

func newPool(perHost, most int) *pool {
	return &pool{perHost: perHost, most: most, idle: map[key][]*conn{}}
}

// take returns the connection that became idle last, nil when there is none.
func (p *pool) take(k key) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	stack := p.idle[k]
	if len(stack) == 0 {
		return nil
	}
	c := stack[len(stack)-1]
	p.remove(c, len(stack)-1)
	return c
}

// remove takes a connection out of its place. An empty stack stays until the
// next sweep, for the connection is likely to come back.
func (p *pool) remove(c *conn, i int) {
	p.idle[c.key] = slices.Delete(p.idle[c.key], i, i+1)
	p.order.Remove(c.place)
}

// put keeps a connection for as long as both sides want to.
func (p *pool) put(c *conn) {
	if surplus := p.add(c); surplus != nil {
		surplus.Close()
	}
}

// add returns the connection that there is no room for.
func (p *pool) add(c *conn) (surplus *conn) {
	c.kept = true
	if c.keep == 0 || c.keep > idleConnTimeout {
		c.keep = idleConnTimeout
	}
	c.expires = time.Now().Add(c.keep)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle[c.key]) >= p.perHost {
		return c
	}
	if p.order.Len() >= p.most {
		surplus = p.order.Front().Value.(*conn)
		p.remove(surplus, 0)
	}
	c.place = p.order.PushBack(c)
	p.idle[c.key] = append(p.idle[c.key], c)
	if p.timer == nil {
		p.timer = time.AfterFunc(sweepEvery, p.sweep)
	}
	return surplus
}

func (p *pool) sweep() {
	now := time.Now()
	p.close(func(c *conn) bool { return !now.Before(c.expires) })
}

func (p *pool) closeAll() { p.close(func(*conn) bool { return true }) }

// close closes some of the connections, with a goodbye.
func (p *pool) close(chosen func(*conn) bool) {
	for _, c := range p.choose(chosen) {
		c.Close()
	}
}

func (p *pool) choose(chosen func(*conn) bool) (out []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, stack := range p.idle {
		stack = slices.DeleteFunc(stack, func(c *conn) bool {
			if !chosen(c) {
				return false
			}
			p.order.Remove(c.place)
			out = append(out, c)
			return true
		})
		if p.idle[k] = stack; len(stack) == 0 {
			delete(p.idle, k)
		}
	}
	switch {
	case p.timer == nil:
	case len(p.idle) == 0:
		p.timer.Stop()
		p.timer = nil
	default:
		p.timer.Reset(sweepEvery)
	}
	return out
}
