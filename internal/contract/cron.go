package contract

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// cron is a time table in the five fields of cron: minute, hour, day of the
// month, month, day of the week. Each field is a set of bits.
type cron struct {
	minute, hour, day, month, weekday uint64
	anyHour                           bool // the hour is *
	eitherDay                         bool // both days are limited: one of them suffices
}

type cronField struct {
	name     string
	low, top int
	words    []string // names of low, low+1…
}

var cronFields = [5]cronField{
	{name: "minute", low: 0, top: 59},
	{name: "hour", low: 0, top: 23},
	{name: "day of the month", low: 1, top: 31},
	{name: "month", low: 1, top: 12, words: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "day of the week", low: 0, top: 7, words: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// parseCron reads the five fields: *, numbers, names, a-b, lists and /steps.
func parseCron(s string) (*cron, error) {
	fields := strings.Fields(s)
	if len(fields) != len(cronFields) {
		return nil, fmt.Errorf("it has %d fields, and 5 are needed: minute, hour, day of the month, month, day of the week", len(fields))
	}
	var sets [5]uint64
	for i, f := range cronFields {
		for entry := range strings.SplitSeq(fields[i], ",") {
			set, err := f.parse(entry)
			if err != nil {
				return nil, fmt.Errorf("the %s %q cannot be read: %w", f.name, entry, err)
			}
			sets[i] |= set
		}
	}
	c := &cron{minute: sets[0], hour: sets[1], day: sets[2], month: sets[3], weekday: sets[4]}
	if c.weekday&(1<<7) != 0 { // 7 is Sunday too
		c.weekday |= 1
	}
	c.anyHour = fields[1] == "*"
	c.eitherDay = !strings.HasPrefix(fields[2], "*") && !strings.HasPrefix(fields[4], "*")
	if c.next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC).IsZero() {
		return nil, errors.New("there is no such day")
	}
	return c, nil
}

func (f cronField) parse(entry string) (set uint64, err error) {
	span, stepText, stepped := strings.Cut(entry, "/")
	step := 1
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > f.top {
			return 0, fmt.Errorf("a step is a number from 1 to %d", f.top)
		}
	}
	from, to := f.low, f.top
	if f.top == 7 {
		to = 6
	}
	if span != "*" {
		first, last, isRange := strings.Cut(span, "-")
		if from, err = f.number(first); err != nil {
			return 0, err
		}
		switch {
		case isRange:
			if to, err = f.number(last); err != nil {
				return 0, err
			}
		case !stepped:
			to = from
		}
		if to < from {
			return 0, errors.New("the range runs backwards")
		}
	}
	for n := from; n <= to; n += step {
		set |= 1 << n
	}
	return set, nil
}

func (f cronField) number(s string) (int, error) {
	for i, w := range f.words {
		if strings.EqualFold(s, w) {
			return f.low + i, nil
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < f.low || n > f.top {
		return 0, fmt.Errorf("it is not a number from %d to %d", f.low, f.top)
	}
	return n, nil
}

func (c *cron) onDay(t time.Time) bool {
	day, weekday := c.day&(1<<t.Day()) != 0, c.weekday&(1<<t.Weekday()) != 0
	if c.eitherDay {
		return day || weekday
	}
	return day && weekday
}

// next is the first time after another, zero if there is none within 9 years
// (29 February can be that far). An hour that a change of the clock skips is
// made up for right after it; one that comes twice counts twice only if the
// hour is *.
func (c *cron) next(after time.Time, in *time.Location) time.Time {
	after = after.In(in)
	year, month, day := after.Date()
	for n := range 9 * 366 {
		date := time.Date(year, month, day+n, 12, 0, 0, 0, in)
		if c.month&(1<<date.Month()) == 0 || !c.onDay(date) {
			continue
		}
		if t := c.within(date, after); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// within is the first time on a day that is after another time.
func (c *cron) within(date, after time.Time) time.Time {
	year, month, day := date.Date()
	in := date.Location()
	if c.anyHour { // go by what the clock really shows, hour by hour
		t := time.Date(year, month, day, 0, 0, 0, 0, in)
		if t.Before(after) {
			t = after.Truncate(time.Minute).Add(time.Minute)
		}
		for ; t.Day() == day && t.Month() == month; t = t.Add(time.Minute) {
			if c.minute&(1<<t.Minute()) != 0 && t.After(after) {
				return t
			}
		}
		return time.Time{}
	}
	for hours := c.hour; hours != 0; hours &= hours - 1 {
		for minutes := c.minute; minutes != 0; minutes &= minutes - 1 {
			hour, minute := bits.TrailingZeros64(hours), bits.TrailingZeros64(minutes)
			t := time.Date(year, month, day, hour, minute, 0, 0, in)
			if before := hour*60 + minute - t.Hour()*60 - t.Minute(); before > 0 && before < 12*60 { // the clock skips it
				t = t.Add(time.Duration(before) * time.Minute)
			}
			if t.After(after) {
				return t
			}
		}
	}
	return time.Time{}
}
