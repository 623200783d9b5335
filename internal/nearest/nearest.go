// Package nearest finds the word that somebody probably meant, so that error texts about
// an unknown name, in contracts, conditions and requests, can suggest the right one. It is pure.
package nearest

import "strings"

// Word returns the candidate closest to word, false if none is close enough. At most a
// third of the letters may differ, and never more than three; upper and lower case count
// as the same. Of several that are equally close it returns the first.
func Word(word string, candidates []string) (string, bool) {
	limit := min(3, max(1, len([]rune(word))/3))
	best, bestDistance := "", limit+1
	low := strings.ToLower(word)
	for _, c := range candidates {
		if d := distance(low, strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best, bestDistance <= limit
}

// DidYouMean returns a sentence to put behind another one, with a space before it: " Did
// you mean x?", or " Possible: a, b." if no candidate is close and there are at most 20,
// or "".
func DidYouMean(word string, candidates []string) string {
	if best, ok := Word(word, candidates); ok {
		return " Did you mean " + best + "?"
	}
	if len(candidates) == 0 || len(candidates) > 20 {
		return ""
	}
	return " Possible: " + strings.Join(candidates, ", ") + "."
}

// Params returns the same as parameters for hook.Field: "meant" and the word, "possible"
// and the list, or nothing.
func Params(word string, candidates []string) []any {
	if best, ok := Word(word, candidates); ok {
		return []any{"meant", best}
	}
	if len(candidates) == 0 || len(candidates) > 20 {
		return nil
	}
	return []any{"possible", strings.Join(candidates, ", ")}
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that
// turn a into b. If there are limit or more, it may return limit.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	before, prev, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return min(prev[len(y)], limit)
}
