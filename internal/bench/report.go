package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// quiet is how much of the machine, in % of all cores, others may take before
// the report warns.
const quiet = 3.0

// report is everything a run of the benchmark found.
type report struct {
	Machine   machine   `json:"machine"`
	Options   Options   `json:"options"`
	StartedAt time.Time `json:"started_at"`
	Seconds   float64   `json:"seconds"`
	Rows      []*row    `json:"rows"`
	Failures  []string  `json:"failures"` // scenarios that could not be measured to the end

	scenario string // the one that runs now
}

// row is one result. The value that a target is held against is the ratio if
// there is one, else the result itself.
type row struct {
	Scenario string   `json:"scenario"`
	What     string   `json:"what"`
	Result   float64  `json:"result"`
	Unit     string   `json:"unit"`
	Ratio    *float64 `json:"ratio"` // to what Against names
	Against  string   `json:"against"`
	Target   string   `json:"target"` // "" if there is none
	OK       *bool    `json:"ok"`     // null without a target
}

// add makes a row of the scenario that runs.
func (r *report) add(what string, result float64, unit string) *row {
	w := &row{Scenario: r.scenario, What: what, Result: result, Unit: unit}
	r.Rows = append(r.Rows, w)
	return w
}

// fail notes that a scenario could not be measured to its end.
func (r *report) fail(err error) { r.Failures = append(r.Failures, err.Error()) }

// to gives the row its ratio to base, which against names.
func (w *row) to(base float64, against string) *row {
	if base > 0 {
		ratio := w.Result / base
		w.Ratio, w.Against = &ratio, against
	}
	return w
}

// atLeast and atMost give the row its target, and aim says what would be better
// still, without a verdict.
func (w *row) atLeast(limit float64) *row { return w.target("≥ ", limit, w.value() >= limit) }
func (w *row) atMost(limit float64) *row  { return w.target("≤ ", limit, w.value() <= limit) }
func (w *row) under(limit float64) *row   { return w.target("< ", limit, w.value() < limit) }

func (w *row) aim(limit float64) *row {
	w.Target += fmt.Sprintf(", aim for %s", number(limit))
	return w
}

func (w *row) target(sign string, limit float64, ok bool) *row {
	w.Target, w.OK = sign+number(limit), &ok
	return w
}

func (w *row) value() float64 {
	if w.Ratio != nil {
		return *w.Ratio
	}
	return w.Result
}

// times adds a row for each of p50, p99 and p99.9 of sorted times, in
// milliseconds, and returns them in that order.
func (r *report) times(what string, times samples) [3]*row {
	var rows [3]*row
	for i, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		rows[i] = r.add(what+", "+q.name, milliseconds(times.quantile(q.at)), "ms")
	}
	return rows
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// print writes the report as a table, or as one JSON object.
func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	m := r.Machine
	fmt.Fprintf(w, "\n%s, %d cores (%s), %s, load %s before the run\n", m.System, m.Cores, m.CPU, m.Go, m.Load)
	if m.Others > quiet {
		fmt.Fprintf(w, "NOT A QUIET MACHINE: other programs took %s %% of its cores during the run; only ratios mean something\n", number(m.Others))
	}
	fmt.Fprintf(w, "data directory: write + fsync of 4 KiB takes %s ms (p50), %s ms (p99)\n", number(m.Sync), number(m.Sync99))
	fmt.Fprintf(w, "%d at once, payloads of %d bytes; started %s, took %s s\n\n",
		r.Options.Concurrency, r.Options.Payload, r.StartedAt.Format(time.RFC3339), number(r.Seconds))

	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\twhat\tresult\tratio\ttarget\tok")
	fmt.Fprintln(t, "--------\t----\t------\t-----\t------\t--")
	last := ""
	for _, row := range r.Rows {
		scenario, ratio, ok := row.Scenario, "", ""
		if scenario == last {
			scenario = ""
		}
		last = row.Scenario
		if row.Ratio != nil {
			ratio = number(*row.Ratio) + " × " + row.Against
		}
		if row.OK != nil {
			ok = map[bool]string{true: "yes", false: "NO"}[*row.OK]
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", scenario, row.What, strings.TrimSpace(number(row.Result)+" "+row.Unit), ratio, row.Target, ok)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range r.Failures {
		fmt.Fprintf(w, "\nNOT MEASURED TO THE END: %s\n", f)
	}
	_, err := fmt.Fprintln(w)
	return err
}

// number writes v for people: three digits that count, thousands apart.
func number(v float64) string {
	a := math.Abs(v)
	switch {
	case a >= 1000 || v == math.Trunc(v):
		return thousands(int64(math.Round(v)))
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}
