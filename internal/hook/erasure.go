package hook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Erasure is the report about a tenant that was erased. It has nothing of the tenant but its id.
type Erasure struct {
	Tenant           string
	BegunAt, EndedAt time.Time        // UTC, in microseconds
	Rows             map[string]int64 // how many rows each table had, as far as it had some
	Hash             string           // SHA-256 of Text, in hexadecimal
}

// Counts are the numbers of rows in the order of their tables, as in events=12.
func (e Erasure) Counts() (list []string) {
	for _, table := range slices.Sorted(maps.Keys(e.Rows)) {
		list = append(list, fmt.Sprintf("%s=%d", table, e.Rows[table]))
	}
	return list
}

// Text is what the hash is of: id, begin, end and counts, joined by line feeds.
func (e Erasure) Text() string {
	lines := append([]string{e.Tenant, e.BegunAt.Format(time.RFC3339Nano), e.EndedAt.Format(time.RFC3339Nano)}, e.Counts()...)
	return strings.Join(lines, "\n")
}
