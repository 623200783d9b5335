package hook

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestPercentiles compares estimates with the true percentiles: each estimate must lie in
// the bucket of the true value.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	bucket := func(d time.Duration) int {
		i, found := slices.BinarySearch(LatencyBounds[:], d)
		if found {
			i++
		}
		return i
	}
	for round := range 50 {
		var tally Tally
		var times []time.Duration
		for range 1 + random.IntN(500) {
			d := time.Duration(float64(time.Millisecond) * random.ExpFloat64() * float64(1+round*20))
			times = append(times, d)
			tally.Took(d)
		}
		slices.Sort(times)
		for _, p := range []float64{0.01, 0.5, 0.95, 0.99, 1} {
			truth := times[max(int(p*float64(len(times))+0.999999)-1, 0)]
			got, ok := tally.Percentile(p)
			low := time.Duration(0)
			if i := bucket(truth); i > 0 {
				low = LatencyBounds[i-1]
			}
			high := got
			if i := bucket(truth); i < len(LatencyBounds) {
				high = LatencyBounds[i]
			}
			if !ok || got < low || got > high {
				t.Errorf("round %d: percentile %v of %d is %v, estimated as %v", round, p, len(times), truth, got)
			}
		}
	}
	if d, ok := new(Tally).Percentile(0.5); ok {
		t.Errorf("percentile of no attempts: %v", d)
	}
	var slow Tally
	slow.Took(time.Hour)
	if d, _ := slow.Percentile(0.5); d != time.Minute {
		t.Errorf("beyond the last bound: %v", d)
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	var one, sum Tally
	for _, s := range []State{Pending, Sending, Retrying, Delivered, Failed, Unknown, Cancelled} {
		one.End(s)
	}
	one.Took(0)
	sum.Add(&one)
	sum.Add(&one)
	want := Tally{Delivered: 2, Failed: 2, Unknown: 2, Cancelled: 2, Retrying: 2}
	want.Times[0] = 2
	if sum != want || sum.Attempts() != 2 {
		t.Errorf("%+v", sum)
	}
}
