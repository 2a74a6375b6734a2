package pace

import (
	"encoding/binary"
	"time"
)

const version = 1

// Marshal returns at most 128 bytes that Load understands, nil for a Pace that
// is as good as new. They hold counters and durations only, no point in time:
// they are read by another process, by another clock. So the rate limit's bucket
// is left out.
func (p *Pace) Marshal() []byte {
	b := []byte{version, 0}
	for i, flag := range p.flags() {
		if *flag {
			b[1] |= 1 << i
		}
	}
	used := b[1] != 0
	for _, c := range p.counters() {
		b = binary.AppendUvarint(b, uint64(*c.value))
		used = used || *c.value != 0
	}
	b = binary.AppendUvarint(b, uint64(p.pause))
	for _, id := range p.failed {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	if !used && p.pause == 0 && len(p.failed) == 0 {
		return nil
	}
	return b
}

// Load reads what Marshal wrote. Anything else, such as the bytes of a newer
// version, gives a new Pace: it learns again within a few sends, whereas an error
// would stop the lane.
func Load(b []byte) *Pace {
	p := new(Pace)
	if !p.unmarshal(b) {
		return new(Pace)
	}
	return p
}

func (p *Pace) unmarshal(b []byte) bool {
	if len(b) < 2 || b[0] != version {
		return false
	}
	flags := p.flags()
	if b[1]>>len(flags) != 0 {
		return false
	}
	for i, flag := range flags {
		*flag = b[1]>>i&1 == 1
	}
	b = b[2:]
	next := func(limit int64) (v int64, ok bool) {
		u, n := binary.Uvarint(b)
		if n <= 0 || u > uint64(limit) {
			return 0, false
		}
		b = b[n:]
		return int64(u), true
	}
	for _, c := range p.counters() {
		v, ok := next(c.limit)
		if !ok {
			return false
		}
		*c.value = int(v)
	}
	pause, ok := next(int64(MaxPause))
	if !ok {
		return false
	}
	p.pause = time.Duration(pause)
	if len(b)%8 != 0 || len(b)/8 >= Threshold {
		return false
	}
	for ; len(b) > 0; b = b[8:] {
		p.failed = append(p.failed, int64(binary.BigEndian.Uint64(b)))
	}
	return true
}

func (s *state) flags() []*bool {
	return []*bool{&s.open, &s.probing, &s.slow, &s.throttled}
}

// counters come in the order of the format, each with the most it can be.
func (s *state) counters() []counter {
	return []counter{
		{&s.window, maxWindow}, {&s.gained, maxWindow}, {&s.fails, failing},
		{&s.probes, mostProbes}, {&s.throttles, mostPauses},
	}
}

type counter struct {
	value *int
	limit int64
}
