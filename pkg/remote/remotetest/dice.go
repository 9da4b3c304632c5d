package remotetest

import (
	"math"
	"sync/atomic"
)

// dice decides which requests a fault hits: a seeded sequence that many callers draw from without a lock.
type dice struct {
	seed  uint64
	limit uint64 // a draw below it is a hit
	drawn *atomic.Uint64
}

func newDice(seed, stream uint64, rate float64) dice {
	d := dice{seed: mix(seed ^ mix(stream)), limit: math.MaxUint64, drawn: &atomic.Uint64{}}
	if rate > 0 && rate < 1 {
		d.limit = uint64(rate * math.MaxUint64)
	}
	return d
}

// hit draws the next number.
func (d dice) hit() bool {
	n := d.drawn.Add(1)
	return d.limit == math.MaxUint64 || mix(d.seed+n*0x9e3779b97f4a7c15) < d.limit
}

// mix is the output function of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
