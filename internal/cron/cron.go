// Package cron reads time tables in the five fields of cron and says when each
// run of one is. It exists because no kept library gets the days right on which
// a clock is changed at midnight (docs/adr/0018-cron.md). It is pure: no clock,
// and no time zones but the ones it is given.
//
// It promises, for every time zone:
//
//   - A time that the clock skips is made up for, as much later as the clock went
//     forward: of 02:30 on a day on which 03:00 follows 01:59 the run is at 03:30,
//     and of 00:00 where 01:00 follows 23:59 it is at 01:00, the first moment of that day.
//     That is when the clock would have shown it, had nobody changed it. It may be
//     the time of another run; then there is one run.
//   - A time that comes twice, because the clock goes back, has one run, the first
//     time. Only a table that names every hour, such as "0 * * * *", runs both
//     times: it is a rhythm, and goes on by the hour.
//   - A date that a zone leaves out, as Samoa did with 30 December 2011, is no
//     exception: its runs are a day later, with those of the next date.
package cron

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Table is a time table: minute, hour, day of the month, month and day of the
// week. It never changes, so any number of goroutines may use it.
type Table struct {
	minute, hour, day, month, weekday uint64 // the numbers that match, a bit each

	// everyHour is set for a table that names all 24 hours: it also runs in an
	// hour that comes for the second time.
	everyHour bool
	// eitherDay is set if the day of the month and the day of the week are both
	// limited. Then a date matches if one of the two does; else both have to.
	eitherDay bool
}

// field is one of the five fields: its name in errors and the numbers that it takes.
type field struct {
	name      string
	low, high int
	words     []string // names of low, low+1, …
}

var fields = [5]field{
	{name: "minute", low: 0, high: 59},
	{name: "hour", low: 0, high: 23},
	{name: "day of the month", low: 1, high: 31},
	{name: "month", low: 1, high: 12, words: []string{
		"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
	}},
	{name: "day of the week", low: 0, high: 7, words: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

const (
	sunday      = 0
	sundayAgain = 7 // the other number of Sunday
	allHours    = 1<<24 - 1
	// searchDays is how far Next looks. From 29 February 2096 to the next one are 8 years.
	searchDays = 9 * 366
)

// Parse reads the five fields of a table, separated by spaces. Each is *, a
// number, a name such as mon or jan, a range a-b, one of these with a step
// (*/15), or several of them separated by commas. The error completes the
// sentence "This is not a time table: …".
func Parse(text string) (*Table, error) {
	words := strings.Fields(text)
	if len(words) != len(fields) {
		return nil, fmt.Errorf("it has %d fields, and 5 are needed: minute, hour, day of the month, month, day of the week",
			len(words))
	}
	var sets [len(fields)]uint64
	for i, f := range fields {
		for entry := range strings.SplitSeq(words[i], ",") {
			set, err := f.parse(entry)
			if err != nil {
				return nil, fmt.Errorf("the %s %q cannot be read: %w", f.name, entry, err)
			}
			sets[i] |= set
		}
	}
	t := &Table{minute: sets[0], hour: sets[1], day: sets[2], month: sets[3], weekday: sets[4]}
	if t.weekday&(1<<sundayAgain) != 0 {
		t.weekday |= 1 << sunday
	}
	t.everyHour = t.hour == allHours
	t.eitherDay = !strings.HasPrefix(words[2], "*") && !strings.HasPrefix(words[4], "*")
	if t.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC).IsZero() {
		return nil, errors.New("there is no such day")
	}
	return t, nil
}

// parse reads one entry of a field's list and returns the numbers that it names.
func (f field) parse(entry string) (set uint64, err error) {
	span, stepText, stepped := strings.Cut(entry, "/")
	step := 1
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > f.high {
			return 0, fmt.Errorf("a step is a number from 1 to %d", f.high)
		}
	}
	first, last := f.low, f.high
	if last == sundayAgain {
		last-- // * counts Sunday once
	}
	if span != "*" {
		from, to, isRange := strings.Cut(span, "-")
		if first, err = f.number(from); err != nil {
			return 0, err
		}
		switch {
		case isRange:
			if last, err = f.number(to); err != nil {
				return 0, err
			}
		case !stepped:
			last = first
		}
		if last < first {
			return 0, errors.New("the range runs backwards")
		}
	}
	for n := first; n <= last; n += step {
		set |= 1 << n
	}
	return set, nil
}

// number reads a number or a name.
func (f field) number(s string) (int, error) {
	for i, w := range f.words {
		if strings.EqualFold(s, w) {
			return f.low + i, nil
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < f.low || n > f.high {
		return 0, fmt.Errorf("it is not a number from %d to %d", f.low, f.high)
	}
	return n, nil
}

// Next is the first run after a moment, by the clocks of a zone. It is zero if
// there is none within nine years.
func (t *Table) Next(after time.Time, in *time.Location) (next time.Time) {
	year, month, day := after.In(in).Date()
	for n := -1; n < searchDays; n++ { // what the clock skipped yesterday may be made up for today
		date := time.Date(year, month, day+n, 0, 0, 0, 0, time.UTC)
		found := !next.IsZero()
		if t.onDate(date) {
			if run := t.firstOn(date, after, in); !run.IsZero() && (!found || run.Before(next)) {
				next = run
			}
		}
		if found { // for the same reason, the date after the one with a run was asked, too
			break
		}
	}
	return next
}

// onDate reports whether the month, the day of the month and the day of the week match.
func (t *Table) onDate(date time.Time) bool {
	if t.month&(1<<date.Month()) == 0 {
		return false
	}
	day, weekday := t.day&(1<<date.Day()) != 0, t.weekday&(1<<date.Weekday()) != 0
	if t.eitherDay {
		return day || weekday
	}
	return day && weekday
}

// A clock that shows a time is ahead of UTC by less than 16 hours and behind it by
// less than 13. So a change of the clock that concerns a time which it shows is not
// longer ago than aheadOfUTC before the same time in UTC, nor later than behindUTC after it.
const (
	aheadOfUTC = 16 * time.Hour
	behindUTC  = 13 * time.Hour
)

// firstOn is the first run after a moment of those that the table has for a date,
// zero if there is none. The date is its midnight in UTC.
func (t *Table) firstOn(date, after time.Time, in *time.Location) (first time.Time) {
	before, later := offsetAt(date.Add(-aheadOfUTC), in), offsetAt(date.Add(24*time.Hour+behindUTC), in)
	for hours := t.hour; hours != 0; hours &= hours - 1 {
		for minutes := t.minute; minutes != 0; minutes &= minutes - 1 {
			shown := date.Add(time.Duration(60*bits.TrailingZeros64(hours)+bits.TrailingZeros64(minutes)) * time.Minute)
			one, again := moments(shown, before, later, in)
			if !one.After(after) && t.everyHour {
				one = again
			}
			if !one.After(after) {
				continue
			}
			if before == later { // no later time of the table is earlier
				return one.In(in)
			}
			if first.IsZero() || one.Before(first) {
				first = one.In(in)
			}
		}
	}
	return first
}

// moments are when the clock of a zone shows a time, which is written as if it were
// UTC. before and later are the offsets around the only change of the clock that can
// concern it; they are equal if there is none. again is the second moment of a time
// that comes twice, else it is the first. A time that is skipped has the moment
// at which a clock that nobody has changed shows it.
func moments(shown time.Time, before, later time.Duration, in *time.Location) (first, again time.Time) {
	first, again = shown.Add(-before), shown.Add(-later)
	isFirst, isAgain := offsetAt(first, in) == before, offsetAt(again, in) == later
	switch {
	case before == later || isFirst && isAgain:
		return first, again
	case isAgain:
		return again, again
	}
	return first, first
}

// offsetAt is what the clock of a zone shows at a moment, less UTC.
//
// Offsets are all that is asked of the time package, since Time.ZoneBounds of Go 1.26
// does not always say when a clock is changed: not on the last day of a leap year, and
// not right after the last change that the tz database lists by its date.
func offsetAt(moment time.Time, in *time.Location) time.Duration {
	_, seconds := moment.In(in).Zone()
	return time.Duration(seconds) * time.Second
}
