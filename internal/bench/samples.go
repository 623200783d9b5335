package bench

import (
	"math"
	"slices"
	"time"
)

// samples are measured times in nanoseconds. All of them are kept, so every
// quantile is exact.
type samples []int64

// sorted puts them in order, in place.
func (s samples) sorted() samples {
	slices.Sort(s)
	return s
}

// quantile is the smallest sample that q of all samples (0 < q ≤ 1) do not
// exceed. The samples must be sorted; of none it is 0.
func (s samples) quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(s)))) - 1
	return time.Duration(s[min(max(i, 0), len(s)-1)])
}
