package cron

import (
	"archive/zip"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine
)

const layout = "2006-01-02 15:04 -0700"

func parse(t *testing.T, table string) *Table {
	t.Helper()
	c, err := Parse(table)
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	return c
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	in, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ table, zone, after, want string }{
		{"0 * * * *", "UTC", "2026-01-01 10:30 +0000", "2026-01-01 11:00 +0000"},
		{"0 * * * *", "UTC", "2026-01-01 11:00 +0000", "2026-01-01 12:00 +0000"},
		{"*/15 * * * *", "UTC", "2026-12-31 23:50 +0000", "2027-01-01 00:00 +0000"},
		{"5,35 8-10/2 * * *", "UTC", "2026-01-01 08:35 +0000", "2026-01-01 10:05 +0000"},
		{"0 9/6 * * *", "UTC", "2026-01-01 09:00 +0000", "2026-01-01 15:00 +0000"},
		{"30 6 * * mon-fri", "America/Bogota", "2026-01-02 06:30 -0500", "2026-01-05 06:30 -0500"}, // from Friday to Monday
		{"59 23 31 12 *", "UTC", "2026-12-31 23:59 +0000", "2027-12-31 23:59 +0000"},

		// Leap days, also over a year without one that four divides.
		{"0 0 29 feb *", "UTC", "2026-01-01 00:00 +0000", "2028-02-29 00:00 +0000"},
		{"0 0 29 2 *", "UTC", "2096-03-01 00:00 +0000", "2104-02-29 00:00 +0000"},
		{"0 0 29 2 *", "Asia/Kathmandu", "2096-02-29 00:00 +0545", "2104-02-29 00:00 +0545"},
		{"0 0 31 * *", "UTC", "2026-01-31 00:00 +0000", "2026-03-31 00:00 +0000"},

		// Both days limited: one of them suffices. A field that begins with * is no limit.
		{"0 12 13 * 5", "UTC", "2026-01-01 00:00 +0000", "2026-01-02 12:00 +0000"},  // a Friday
		{"0 12 13 * 5", "UTC", "2026-01-09 12:00 +0000", "2026-01-13 12:00 +0000"},  // the 13th
		{"0 12 */2 * 7", "UTC", "2026-01-01 13:00 +0000", "2026-01-11 12:00 +0000"}, // an odd Sunday

		// The clock goes forward.
		{"30 2 * * *", "America/New_York", "2026-03-08 00:00 -0500", "2026-03-08 03:30 -0400"},
		{"30 2 * * *", "America/New_York", "2026-03-08 03:30 -0400", "2026-03-09 02:30 -0400"},
		{"30 2,3 * * *", "America/New_York", "2026-03-08 03:30 -0400", "2026-03-09 02:30 -0400"}, // one run for both
		{"30 * * * *", "America/New_York", "2026-03-08 01:30 -0500", "2026-03-08 03:30 -0400"},
		{"0 0 * * *", "America/Santiago", "2027-09-04 00:00 -0400", "2027-09-05 01:00 -0300"},
		{"0 0 * * *", "America/Santiago", "2027-09-05 01:00 -0300", "2027-09-06 00:00 -0300"},
		{"0 * * * *", "America/Santiago", "2027-09-04 23:00 -0400", "2027-09-05 01:00 -0300"},
		{"0 * * * *", "America/Santiago", "2027-09-05 01:00 -0300", "2027-09-05 02:00 -0300"},
		{"*/15 * * * *", "America/Santiago", "2027-09-04 23:45 -0400", "2027-09-05 01:00 -0300"},
		{"0 0 5 9 *", "America/Santiago", "2027-01-01 00:00 -0300", "2027-09-05 01:00 -0300"},
		{"0 0 * * sun", "America/Santiago", "2027-09-04 12:00 -0400", "2027-09-05 01:00 -0300"},
		{"0 0 * * *", "America/Havana", "2026-03-07 00:00 -0500", "2026-03-08 01:00 -0400"},
		{"0 * * * *", "America/Havana", "2026-03-07 23:00 -0500", "2026-03-08 01:00 -0400"},
		{"0 0 * * *", "America/Asuncion", "2023-09-30 00:00 -0400", "2023-10-01 01:00 -0300"},
		{"0 * * * *", "America/Asuncion", "2023-09-30 23:00 -0400", "2023-10-01 01:00 -0300"},
		{"0 0 * * *", "America/Sao_Paulo", "2018-11-03 00:00 -0300", "2018-11-04 01:00 -0200"},
		{"0 * * * *", "America/Sao_Paulo", "2018-11-03 23:00 -0300", "2018-11-04 01:00 -0200"},
		// What is skipped at the end of a date is made up for on the next one.
		{"30 23 * * *", "America/Scoresbysund", "2027-03-27 12:00 -0200", "2027-03-28 00:30 -0100"},
		{"0 0 * * *", "America/Scoresbysund", "2027-03-27 12:00 -0200", "2027-03-28 00:00 -0100"},
		{"45 23 * * *", "Asia/Pyongyang", "2018-05-04 12:00 +0830", "2018-05-05 00:15 +0900"},

		// The clock goes back.
		{"30 1 * * *", "America/New_York", "2026-11-01 00:30 -0400", "2026-11-01 01:30 -0400"},
		{"30 1 * * *", "America/New_York", "2026-11-01 01:30 -0400", "2026-11-02 01:30 -0500"},
		{"*/30 1 * * *", "America/New_York", "2026-11-01 01:30 -0400", "2026-11-02 01:00 -0500"},
		{"30 * * * *", "America/New_York", "2026-11-01 01:30 -0400", "2026-11-01 01:30 -0500"},
		{"30 0-23 * * *", "America/New_York", "2026-11-01 01:30 -0400", "2026-11-01 01:30 -0500"},
		{"*/15 * * * *", "America/New_York", "2026-11-01 01:45 -0400", "2026-11-01 01:00 -0500"},
		{"*/15 * * * *", "America/New_York", "2026-11-01 01:45 -0500", "2026-11-01 02:00 -0500"},
		{"*/15 */1 * * *", "America/New_York", "2026-11-01 01:45 -0400", "2026-11-01 01:00 -0500"},
		{"*/15 1/1 * * *", "America/New_York", "2026-11-01 01:45 -0400", "2026-11-01 02:00 -0500"}, // not every hour: 0 is missing
		{"0 */2 * * *", "America/New_York", "2026-03-08 00:00 -0500", "2026-03-08 03:00 -0400"},
		{"*/40 */3 * * *", "America/New_York", "2026-03-08 00:40 -0500", "2026-03-08 03:00 -0400"},
		{"*/20 * * * *", "Australia/Lord_Howe", "2026-04-05 01:40 +1100", "2026-04-05 01:40 +1030"},
		{"0 */2 * * *", "Europe/Berlin", "2026-10-25 02:00 +0200", "2026-10-25 04:00 +0100"},
		{"30 23 * * *", "America/Santiago", "2027-04-03 23:30 -0300", "2027-04-04 23:30 -0400"},

		// Half an hour forward, and back.
		{"0 * * * *", "Australia/Lord_Howe", "2026-10-04 01:00 +1030", "2026-10-04 02:30 +1100"},
		{"0 * * * *", "Australia/Lord_Howe", "2026-10-04 02:30 +1100", "2026-10-04 03:00 +1100"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00 +1030", "2026-10-04 02:45 +1100"},
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-05 01:45 +1100", "2026-04-06 01:45 +1030"},
		{"45 * * * *", "Australia/Lord_Howe", "2026-04-05 01:45 +1100", "2026-04-05 01:45 +1030"},

		// A whole date is left out.
		{"0 6 * * *", "Pacific/Apia", "2011-12-29 06:00 -1000", "2011-12-31 06:00 +1400"},
		{"0 6 * * *", "Pacific/Apia", "2011-12-31 06:00 +1400", "2012-01-01 06:00 +1400"},
		{"0 6 30 12 *", "Pacific/Apia", "2011-12-29 06:00 -1000", "2011-12-31 06:00 +1400"},
		{"0 * * * *", "Pacific/Apia", "2011-12-29 23:00 -1000", "2011-12-31 00:00 +1400"},
	} {
		after, err := time.Parse(layout, tc.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := parse(t, tc.table).Next(after, zone(t, tc.zone)).Format(layout); got != tc.want {
			t.Errorf("%s in %s after %s: got %s, want %s", tc.table, tc.zone, tc.after, got, tc.want)
		}
	}
}

// A moment between two minutes, and one that is a run itself.
func TestNextIsLater(t *testing.T) {
	t.Parallel()
	c, noon := parse(t, "* * * * *"), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]time.Duration{
		-1: 0, 0: time.Minute, 1: time.Minute, time.Minute - 1: time.Minute,
	} {
		if got := c.Next(noon.Add(after), time.UTC); !got.Equal(noon.Add(want)) {
			t.Errorf("after noon and %v: %v", after, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *",
		"* * * * 8", "-1 * * * *", "5-1 * * * *", "*/0 * * * *", "*/60 * * * *", "a * * * *", "1,, * * * *", "1- * * * *",
		"* * * * mond", "@hourly",
		"0 0 30 2 *", "0 0 31 2 *", "0 0 31 feb,apr,jun,sep,nov *",
	} {
		if _, err := Parse(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

// change is a change of a zone's clock.
type change struct {
	zone          string
	in            *time.Location
	at            time.Time
	before, after time.Duration // offsets
}

// skipsMidnight reports whether there is a date that does not begin at midnight.
func (c change) skipsMidnight() bool {
	shown := clock(c.at, c.before)
	midnight := shown.Truncate(24 * time.Hour)
	return c.after > c.before && (shown.Equal(midnight) || clock(c.at, c.after).After(midnight.Add(24*time.Hour)))
}

// clock is what a clock with an offset shows at a moment.
func clock(moment time.Time, offset time.Duration) time.Time { return moment.UTC().Add(offset) }

// changes are those from 1990 to 2037 of all zones, as the tz database of Go has
// them, which is also what time/tzdata embeds. Several zones can have the same
// change; it is listed once.
func changes(t *testing.T) []change {
	t.Helper()
	list, err := allChanges()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 1000 {
		t.Fatalf("only %d changes of clocks", len(list))
	}
	return list
}

var allChanges = sync.OnceValues(func() ([]change, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	files, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer files.Close()
	read, found := map[string]bool{}, map[string]change{}
	for _, f := range files.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil || len(data) == 0 || read[string(data)] { // a directory, or another name of a zone
			continue
		}
		read[string(data)] = true
		in, err := time.LoadLocationFromTZData(f.Name, data)
		if err != nil {
			return nil, err
		}
		const step = 48 * time.Hour // no clock is changed twice in less
		for at := time.Date(1990, 1, 1, 0, 0, 0, 0, in); at.Year() < 2038; at = at.Add(step) {
			before, after := offsetAt(at, in), offsetAt(at.Add(step), in)
			if before == after {
				continue
			}
			seconds := sort.Search(int(step/time.Second), func(n int) bool {
				return offsetAt(at.Add(time.Duration(n)*time.Second), in) != before
			})
			c := change{f.Name, in, at.Add(time.Duration(seconds) * time.Second), before, after}
			found[fmt.Sprint(c.at.Unix(), before, after)] = c
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b change) int { return a.at.Compare(b.at) }), nil
})

// On a date that does not begin at midnight the first moment that exists fires.
func TestGapsAtMidnight(t *testing.T) {
	t.Parallel()
	tables := map[string]*Table{}
	for _, text := range []string{"0 0 * * *", "0 * * * *", "*/15 * * * *"} {
		tables[text] = parse(t, text)
	}
	n := 0
	for _, c := range changes(t) {
		if !c.skipsMidnight() {
			continue
		}
		n++
		for text, table := range tables {
			if got := table.Next(c.at.Add(-time.Minute), c.in); !got.Equal(c.at) {
				t.Errorf("%s in %s: got %s, want %s", text, c.zone, got.Format(layout), c.at.Format(layout))
			}
		}
	}
	if t.Logf("%d clocks skip midnight", n); n < 500 {
		t.Errorf("only %d clocks skip midnight", n)
	}
}

// TestByTheMinute compares with a search that needs no calendar and no periods: it
// goes through the days around each change of a clock minute by minute, and looks
// at what the clock shows, what it has shown before, and what it skipped.
func TestByTheMinute(t *testing.T) {
	t.Parallel()
	type table struct {
		text      string
		everyHour bool
		matches   func(hour, minute int) bool
	}
	tables := []table{
		{"0 * * * *", true, func(_, minute int) bool { return minute == 0 }},
		{"*/15 * * * *", true, func(_, minute int) bool { return minute%15 == 0 }},
		{"40 * * * *", true, func(_, minute int) bool { return minute == 40 }},
		{"0 0 * * *", false, func(hour, minute int) bool { return hour == 0 && minute == 0 }},
		{"30 23,2 * * *", false, func(hour, minute int) bool { return (hour == 23 || hour == 2) && minute == 30 }},
		{"*/20 0-3 * * *", false, func(hour, minute int) bool { return hour <= 3 && minute%20 == 0 }},
		{"5 */2 * * *", false, func(hour, minute int) bool { return hour%2 == 0 && minute == 5 }},
	}
	parsed := make([]*Table, len(tables))
	for i, table := range tables {
		parsed[i] = parse(t, table.text)
	}
	const span = 2 * 24 * time.Hour
	seen := map[string]bool{}
	for _, c := range changes(t) {
		// At the same hour of another day, the same happens.
		kind := fmt.Sprint(clock(c.at, c.before).Format(time.TimeOnly), c.before, c.after)
		if seen[kind] && !c.skipsMidnight() {
			continue
		}
		seen[kind] = true
		begin := c.at.Add(-span / 2).Truncate(time.Minute)
		minutes := walk(begin, span)
		for i, table := range tables {
			next := begin.Add(-1)
			for _, m := range minutes {
				runs := table.matches(m.shown.Hour(), m.shown.Minute()) && (table.everyHour || !m.again)
				if !runs && (m.skipped.IsZero() || !table.matches(m.skipped.Hour(), m.skipped.Minute())) {
					continue
				}
				if next = parsed[i].Next(next, c.in); !next.Equal(m.at) {
					t.Errorf("%s in %s: got %s, want %s", table.text, c.zone, next.Format(layout), m.at.Format(layout))
					break
				}
			}
		}
	}
	t.Logf("%d kinds of changes", len(seen))
}

// minute is what a clock shows at one moment.
type minute struct {
	at      time.Time
	shown   time.Time
	again   bool      // it has shown the same before
	skipped time.Time // what a clock shows that has not gone forward as this one did; zero if that is longer ago
}

// walk goes through some time minute by minute.
func walk(begin time.Time, span time.Duration) (list []minute) {
	shown := map[int64]bool{} // in seconds since 1970
	last := offsetAt(begin, begin.Location())
	var old time.Duration // the offset before the clock went forward
	var oldUntil time.Time
	for at := begin; at.Before(begin.Add(span)); at = at.Add(time.Minute) {
		offset := offsetAt(at, begin.Location())
		if offset > last {
			old, oldUntil = last, at.Add(offset-last)
		}
		last = offset
		m := minute{at: at, shown: clock(at, offset)}
		m.again = shown[m.shown.Unix()]
		shown[m.shown.Unix()] = true
		if at.Before(oldUntil) {
			m.skipped = clock(at, old)
		}
		list = append(list, m)
	}
	return list
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0 0 * * *", "*/15 8-17 1,15 jan-jun mon-fri", "5 */2 29 2 7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		after := time.Date(2026, 3, 8, 1, 59, 0, 0, time.UTC)
		if next := c.Next(after, zone(t, "America/New_York")); !next.After(after) {
			t.Errorf("%s: %v", text, next)
		}
	})
}
