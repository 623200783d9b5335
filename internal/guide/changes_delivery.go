package guide

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

func ofDelivery(key ...string) []string { return append([]string{"delivery"}, key...) }

// duration tells that a time is shorter or longer. shorterBreaks says which of the two receivers have to look at.
func (c *comparison) duration(path []string, code string, old, now time.Duration, shorterBreaks, longerBreaks bool) {
	switch {
	case now < old:
		c.add(shorterBreaks, code+"_shorter", path, "old", spanText(old), "new", spanText(now))
	case now > old:
		c.add(longerBreaks, code+"_longer", path, "old", spanText(old), "new", spanText(now))
	}
}

// spanText is a duration as contracts write it, without units that are 0.
func spanText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// bytesText is a size as contracts write it.
func bytesText(n int) string {
	switch {
	case n%(1<<20) == 0:
		return strconv.Itoa(n>>20) + "MiB"
	case n%(1<<10) == 0:
		return strconv.Itoa(n>>10) + "KiB"
	}
	return strconv.Itoa(n) + "B"
}

// delivery compares limits, attempts and order.
func (c *comparison) delivery() {
	old, now := c.before.limits, c.after.limits
	c.duration(ofDelivery("timeout"), "timeout", old.Timeout, now.Timeout, true, false)
	c.duration(ofDelivery("connect_timeout"), "connect_timeout", old.ConnectTimeout, now.ConnectTimeout, true, false)
	switch {
	case old.Clock == now.Clock:
	case now.Clock == contract.ClockTotal:
		c.breaks("clock_total", ofDelivery("clock"))
	default:
		c.tells("clock_response", ofDelivery("clock"))
	}
	a, b := c.before.policy, c.after.policy
	if a.Mode != b.Mode {
		c.breaks("mode_"+string(b.Mode), ofDelivery("mode"))
	} else if a.Mode == hook.AtLeastOnce {
		c.retries(a.Retry, b.Retry)
	}
	c.order(old, now)
	switch {
	case old.Ordered || now.Ordered: // one at a time
	case old.Concurrency == 1 && now.Concurrency > 1:
		c.breaks("concurrency_first", ofDelivery("concurrency"), "new", strconv.Itoa(now.Concurrency))
	case old.Concurrency < now.Concurrency:
		c.tells("concurrency_more", ofDelivery("concurrency"), "old", strconv.Itoa(old.Concurrency), "new", strconv.Itoa(now.Concurrency))
	case old.Concurrency > now.Concurrency:
		c.tells("concurrency_fewer", ofDelivery("concurrency"), "old", strconv.Itoa(old.Concurrency), "new", strconv.Itoa(now.Concurrency))
	}
	c.rate(old.PerSecond, now.PerSecond)
	c.giveUp(a.GiveUp, b.GiveUp)
	c.waits()
	switch old, now := c.before.contract.Redirects(), c.after.contract.Redirects(); {
	case now < old:
		c.breaks("redirects_fewer", ofDelivery("redirects"), "old", strconv.Itoa(old), "new", strconv.Itoa(now))
	case now > old:
		c.tells("redirects_more", ofDelivery("redirects"), "old", strconv.Itoa(old), "new", strconv.Itoa(now))
	}
	c.batch()
}

// retries compares schedules. The first delay is that of the first attempt, see [comparison.waits].
func (c *comparison) retries(old, now []time.Duration) {
	length := func(list []time.Duration) (sum time.Duration) {
		for _, d := range list[1:] {
			sum += d
		}
		return sum
	}
	path := ofDelivery("retry")
	switch a, b := length(old), length(now); {
	case a != b:
		c.duration(path, "retry", a, b, true, false)
	case len(now) < len(old):
		c.breaks("retry_fewer", path, "old", strconv.Itoa(len(old)), "new", strconv.Itoa(len(now)))
	case !slices.Equal(old[1:], now[1:]):
		c.tells("retry_delays", path)
	}
}

func (c *comparison) order(old, now contract.Limits) {
	path := ofDelivery("ordered")
	switch {
	case old.Ordered && !now.Ordered:
		c.breaks("order_gone", path)
	case now.Ordered && !old.Ordered:
		c.tells("order_new", path)
	}
	switch {
	case now.Strict && !old.Strict:
		c.breaks("strict_new", path)
	case old.Strict && !now.Strict && now.Ordered:
		c.breaks("strict_gone", path)
	}
}

// rate compares requests a second; 0 is no limit.
func (c *comparison) rate(old, now float64) {
	path, text := ofDelivery("per_second"), func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	switch {
	case old == now:
	case now == 0:
		c.tells("rate_gone", path, "old", text(old))
	case old == 0:
		c.tells("rate_new", path, "new", text(now))
	case now > old:
		c.tells("rate_more", path, "old", text(old), "new", text(now))
	default:
		c.tells("rate_fewer", path, "old", text(old), "new", text(now))
	}
}

// giveUp compares when an endpoint that only fails is given up. The zero value leaves that to the operator.
func (c *comparison) giveUp(old, now hook.GiveUp) {
	if old == now || old.Do == hook.GiveUpNothing && now.Do == hook.GiveUpNothing {
		return
	}
	after := strconv.Itoa(now.Count)
	if now.Of == hook.GiveUpTime {
		after = spanText(now.Time)
	}
	path := ofDelivery("give_up")
	switch {
	case now.IsZero():
		c.breaks("give_up_default", path)
	case now.Do == hook.GiveUpNothing:
		c.tells("give_up_nothing", path)
	default:
		later := old.Of == now.Of && old.Count <= now.Count && old.Time <= now.Time && !old.IsZero() && old.Do != hook.GiveUpNothing
		kinder := old.Do == now.Do || old.Do == hook.GiveUpDisable
		c.add(!(later && kinder), "give_up_"+string(now.Do)+"_"+string(now.Of), path, "after", after)
	}
}

// waits compares how long events wait before they are sent, and which are replaced meanwhile.
func (c *comparison) waits() {
	a, b := c.before.contract, c.after.contract
	path := ofDelivery("delay")
	first := func(f facts) time.Duration { return f.contract.FirstDelay(f.config(f.settings)) }
	if c.after.contract.Waits().Delay == c.before.contract.Waits().Delay {
		path = ofDelivery("retry")
	}
	c.duration(path, "delay", first(c.before), first(c.after), false, false)
	old, now := a.Waits(), b.Waits()
	path = ofDelivery("debounce")
	switch {
	case old.Debounce == 0 && now.Debounce == 0:
	case old.Debounce == 0:
		c.breaks("debounce_new", path, "wait", spanText(now.Debounce))
	case now.Debounce == 0:
		c.tells("debounce_gone", path)
	default:
		c.duration(append(path, "wait"), "debounce", old.Debounce, now.Debounce, false, true)
		switch {
		case old.MaxDebounce == now.MaxDebounce:
		case now.MaxDebounce == 0:
			c.breaks("debounce_max_gone", append(path, "max"), "old", spanText(old.MaxDebounce))
		case old.MaxDebounce == 0:
			c.tells("debounce_max_new", append(path, "max"), "new", spanText(now.MaxDebounce))
		default:
			c.duration(append(path, "max"), "debounce_max", old.MaxDebounce, now.MaxDebounce, false, true)
		}
		if _, ok := c.said("delivery.debounce.key"); ok && c.debounces() {
			c.breaks("debounce_key", append(path, "key"))
		}
	}
}

// debounces reports whether the keys of the examples group events otherwise, or may do so with other events.
func (c *comparison) debounces() bool {
	var events []*hook.Event
	for _, e := range c.before.contract.EventTypes() {
		for _, x := range append([]contract.Case{{Example: e.Example}}, e.Cases...) {
			e.Example = x.Example
			events = append(events, c.before.sampleEvent(e))
		}
	}
	for _, e := range events {
		old, err := c.before.contract.Debounce(nil, e)
		now, err2 := c.after.contract.Debounce(nil, e)
		if err != nil || err2 != nil || (old == nil) != (now == nil) || old != nil && old.Key != now.Key {
			return true
		}
	}
	return len(events) == 0
}

// batch compares how several events share a request.
func (c *comparison) batch() {
	a, b := c.before.contract.Batching(), c.after.contract.Batching()
	path := ofDelivery("batch")
	switch {
	case a.Max == 0 && b.Max == 0:
		return
	case a.Max == 0:
		c.breaks("batch_new", path, "new", strconv.Itoa(b.Max))
		return
	case b.Max == 0:
		c.breaks("batch_gone", path)
		return
	}
	old, now := strconv.Itoa(a.Max), strconv.Itoa(b.Max)
	switch {
	case b.Max > a.Max:
		c.breaks("batch_more", append(path, "max"), "old", old, "new", now)
	case b.Max < a.Max:
		c.tells("batch_fewer", append(path, "max"), "old", old, "new", now)
	}
	old, now = bytesText(a.Bytes), bytesText(b.Bytes)
	switch {
	case b.Bytes > a.Bytes:
		c.breaks("batch_larger", append(path, "bytes"), "old", old, "new", now)
	case b.Bytes < a.Bytes:
		c.tells("batch_smaller", append(path, "bytes"), "old", old, "new", now)
	}
	c.duration(append(path, "wait"), "batch_wait", a.Wait, b.Wait, false, false)
	if r, ok := c.said("delivery.batch.failed"); ok {
		switch path = append(path, "failed"); {
		case r.Old == "":
			c.tells("batch_failed_new", path)
		case r.New == "":
			c.breaks("batch_failed_gone", path)
		default:
			c.breaks("batch_failed", path)
		}
	}
}
