package webhook

import (
	"container/heap"
	"slices"
)

// laneHeap orders lanes by the time they are ready.
type laneHeap []*memLane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].readyAt < h[j].readyAt }
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *laneHeap) Push(x any) {
	l := x.(*memLane)
	l.index = len(*h)
	*h = append(*h, l)
}

func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.index = -1
	return l
}

// deliveryHeap orders what waits in a lane: by due time and then ID, or by
// ID alone.
type deliveryHeap struct {
	items []*memDelivery
	byID  bool
}

func (h *deliveryHeap) Len() int { return len(h.items) }

func (h *deliveryHeap) Less(i, j int) bool {
	a, b := h.items[i], h.items[j]
	if x, y := a.due(), b.due(); !h.byID && x != y {
		return x < y
	}
	return a.id() < b.id()
}

func (h *deliveryHeap) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].index, h.items[j].index = int32(i), int32(j)
}

func (h *deliveryHeap) Push(x any) {
	d := x.(*memDelivery)
	d.index = int32(len(h.items))
	h.items = append(h.items, d)
}

func (h *deliveryHeap) Pop() any {
	n := len(h.items) - 1
	d := h.items[n]
	h.items[n] = nil
	h.items = h.items[:n]
	return d
}

func (h *deliveryHeap) first() *memDelivery {
	if len(h.items) == 0 {
		return nil
	}
	return h.items[0]
}

// reorder changes the order to by ID or back.
func (h *deliveryHeap) reorder(byID bool) {
	if h.byID != byID {
		h.byID = byID
		heap.Init(h)
	}
}

// queue is first in, first out.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int  { return len(q.items) - q.head }
func (q *queue[T]) push(x T)  { q.items = append(q.items, x) }
func (q *queue[T]) front() *T { return &q.items[q.head] }

func (q *queue[T]) pop() T {
	var zero T
	x := q.items[q.head]
	q.items[q.head] = zero
	if q.head++; q.head*2 > len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return x
}

// earliestDue is the earliest due time, also of those behind the head by ID.
func (h *deliveryHeap) earliestDue() instant {
	at := never
	for i, d := range h.items {
		if i > 0 && !h.byID {
			break // the first is the earliest
		}
		at = min(at, d.due())
	}
	return at
}

// earliest is when the first delivery is due whose type is not excluded. By
// ID an excluded one blocks those behind it.
func (h *deliveryHeap) earliest(exclude []EventType) instant {
	if d := h.first(); d == nil || h.byID && slices.Contains(exclude, d.event.Type) {
		return never
	} else if !slices.Contains(exclude, d.event.Type) {
		return d.due()
	}
	at := never
	for _, d := range h.items {
		if !slices.Contains(exclude, d.event.Type) {
			at = min(at, d.due())
		}
	}
	return at
}
