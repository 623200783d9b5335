package guide

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// answer says which answers count as received. [contract.Contract.Success] finds that out by trying the rule.
func (p *page) answer() {
	limit := "answer.total"
	if p.limits.Clock == contract.ClockResponse {
		limit = "answer.first_line"
	}
	rule := ""
	if text := p.contract.SuccessRule(); text != "" {
		rule = p.words("answer.rule", "rule", quoted(text))
	}
	times := p.words(limit,
		"limit", duration(p.limits.Timeout, p.language), "connect", duration(p.limits.ConnectTimeout, p.language))
	p.list(p.statuses(), p.words(p.content()), times, rule)
	p.say("answer.first")
}

// statuses says with which statuses an answer counts as received, "" if it can with any.
func (p *page) statuses() string {
	list := ranges(p.success.Statuses)
	words := make([]string, len(list))
	for i, r := range list {
		words[i] = strconv.Itoa(r.from)
		if r.to > r.from {
			words[i] = p.words("word.from_to", "from", strconv.Itoa(r.from), "to", strconv.Itoa(r.to))
		}
	}
	text := strings.Join(words, ", ")
	switch more := p.success.By == contract.SuccessByMore; {
	case len(list) == 0:
		return p.words("answer.never")
	case list[0] == span{200, 599}:
		return ""
	case more && len(p.success.Statuses) == 1:
		return p.words("answer.may_status", "status", text)
	case more:
		return p.words("answer.may_statuses", "statuses", text)
	case len(p.success.Statuses) == 1:
		return p.words("answer.status", "status", text)
	case len(list) == 1:
		return p.words("answer.any", "statuses", text)
	}
	return p.words("answer.statuses", "statuses", text)
}

// content is the key of what is said about the content of an answer.
func (p *page) content() string {
	switch p.success.By {
	case contract.SuccessByStatus:
		return "answer.body_free"
	case contract.SuccessByPage:
		return "answer.body_no_page"
	case contract.SuccessByMore:
	}
	return "answer.body_rule"
}

// span is a range of numbers, both ends included.
type span struct{ from, to int }

// ranges are the ranges of sorted numbers.
func ranges(numbers []int) (out []span) {
	for _, n := range numbers {
		if last := len(out) - 1; last >= 0 && out[last].to == n-1 {
			out[last].to = n
		} else {
			out = append(out, span{n, n})
		}
	}
	return out
}

// retries says what happens if an event is not received.
func (p *page) retries() {
	delay, debounce, most := p.waits()
	if p.once() {
		p.list(delay, debounce, most, p.words("retries.once_never"), p.words("retries.once_unknown"), p.words("retries.once_look"),
			p.gone(), p.rule("retries.rule_disable", hook.ThenDisable), p.rule("retries.rule_pause", hook.ThenPause), p.givenUp())
		return
	}
	retry := p.policy.Retry
	waits := make([]string, 0, len(retry))
	var total time.Duration
	for i, d := range retry {
		total += d
		if i > 0 {
			waits = append(waits, duration(d, p.language))
		}
	}
	schedule, after := p.words("retries.none"), ""
	if len(waits) > 0 {
		after = p.words("retries.after")
		key := "retries.schedule"
		if delay != "" || debounce != "" {
			key = "retries.schedule_later"
		}
		schedule = p.words(key,
			"n", strconv.Itoa(len(retry)), "waits", strings.Join(waits, ", "), "total", roughly(total, p.language))
	}
	newer := ""
	if p.scheduled() {
		newer = p.words("retries.newer")
	}
	end := ""
	switch {
	case p.limits.Strict:
		end = p.words("retries.strict")
	case len(waits) > 0:
		end = p.words("retries.end")
	}
	p.list(delay, debounce, most, schedule, p.eachAttempt(), newer, after, p.gone(),
		p.rule("retries.rule_disable", hook.ThenDisable), p.rule("retries.rule_stop", hook.ThenStop),
		p.rule("retries.rule_pause", hook.ThenPause), p.rule("retries.rule_retry", hook.ThenRetry), p.givenUp(), end)
}

// rule says what follows from answers for which a rule of the contract holds, "" without such a rule.
func (p *page) rule(key string, then hook.Then) string {
	text := p.contract.Rule(then)
	if text == "" {
		return ""
	}
	return p.words(key, "rule", quoted(text))
}

// gone says what the answer 410 means, "" if the contract's disable_if says it instead.
func (p *page) gone() string {
	if p.contract.Rule(hook.ThenDisable) != "" {
		return ""
	}
	return p.words("retries.gone")
}

// givenUp says when the contract gives an endpoint up that only fails, "" if it does not say so.
func (p *page) givenUp() string {
	g := p.policy.GiveUp
	then := p.words("retries.then_disable")
	if g.Do == hook.GiveUpPause {
		then = p.words("retries.then_pause")
	}
	switch {
	case g.IsZero():
		return ""
	case g.Do == hook.GiveUpNothing:
		return p.words("retries.give_up_never")
	case g.Of == hook.GiveUpAttempts:
		return p.words("retries.give_up_attempts", "n", strconv.Itoa(g.Count), "then", then)
	case g.Of == hook.GiveUpDeliveries:
		return p.words("retries.give_up_deliveries", "n", strconv.Itoa(g.Count), "then", then)
	}
	return p.words("retries.give_up_time", "time", duration(g.Time, p.language), "then", then)
}

// eachAttempt says how a request tells which attempt it is, "" if it does not.
func (p *page) eachAttempt() string {
	first := p.events[0]
	again := p.again(first.EventType)
	var headers []string
	for _, h := range again.Headers {
		if !slices.Contains(first.Headers, h) {
			headers = append(headers, quoted(h.Name+": "+h.Value))
		}
	}
	body := !bytes.Equal(first.Body, again.Body)
	switch {
	case len(headers) > 0 && body:
		return p.words("retries.says_both", "headers", strings.Join(headers, ", "))
	case len(headers) > 0:
		return p.words("retries.says_headers", "headers", strings.Join(headers, ", "))
	case body:
		return p.words("retries.says_body")
	}
	return ""
}

// waits says how long an event waits before it is sent, "" each where it does not. A debounced one never waits less than
// others, so max is counted on top of that.
func (p *page) waits() (delay, debounce, most string) {
	w := p.contract.Waits()
	first := w.Delay + p.policy.Retry[0]
	if first > 0 {
		delay = p.words("retries.delay", "delay", duration(first, p.language))
	}
	if w.Debounce > 0 {
		debounce = p.words("retries.debounce", "wait", duration(max(w.Debounce, first), p.language))
	}
	if w.MaxDebounce > 0 {
		most = p.words("retries.debounce_max", "max", duration(w.MaxDebounce+first, p.language))
	}
	return delay, debounce, most
}

// repeats says how a receiver recognizes an event that it already has.
func (p *page) repeats() {
	switch {
	case p.once():
		p.say("repeats.once")
		return
	case p.auth.kind == bySignature:
		p.say("repeats.id")
		return
	}
	switch first := p.events[0]; {
	case !bytes.Equal(first.Body, p.again(first.EventType).Body):
		p.say("repeats.attempt")
	case p.contract.Batches() && p.contract.Batching().Max > 1:
		p.say("repeats.batch")
	default:
		p.say("repeats.bytes")
	}
	named := map[string]bool{}
	for _, e := range p.events {
		kind, ok := p.contract.Record(e.On)
		if !ok || p.contract.MakesBody() || named[kind.Key] {
			continue
		}
		if _, ok := rawjson.Lookup(e.Body, strings.Split(kind.Key, ".")...); ok {
			named[kind.Key] = true
			p.say("repeats.key", "key", quoted(kind.Key))
		}
	}
	if p.scheduled() {
		p.say("repeats.snapshot")
	}
}

// duration writes a time as people do: 200 ms, 5 s, 30 min, 2 h.
func duration(d time.Duration, language string) string {
	number := func(n float64, unit string) string {
		s := strconv.FormatFloat(n, 'f', -1, 64)
		if language != Languages[0] {
			s = strings.Replace(s, ".", ",", 1)
		}
		return s + " " + unit
	}
	switch {
	case d < time.Second:
		return number(float64(d.Milliseconds()), "ms")
	case d < time.Minute || d%time.Minute != 0:
		return number(d.Seconds(), "s")
	case d < time.Hour || d%time.Hour != 0:
		return number(d.Minutes(), "min")
	case d > 48*time.Hour && d%(24*time.Hour) == 0:
		return number(d.Hours()/24, catalogue.In(language, "word.days"))
	}
	return number(d.Hours(), "h")
}

// roughly writes a long time, rounded to its largest unit.
func roughly(d time.Duration, language string) string {
	switch {
	case d >= 48*time.Hour:
		return duration(d.Round(24*time.Hour), language)
	case d >= time.Hour:
		return duration(d.Round(time.Hour), language)
	case d >= time.Minute:
		return duration(d.Round(time.Minute), language)
	}
	return duration(d, language)
}
