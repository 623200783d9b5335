package guide

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// meaning is what an answer means to its receiver.
type meaning string

const (
	meansReceived meaning = "received"
	meansRetried  meaning = "retried"
	meansStopped  meaning = "stopped" // the event does not come again
	meansPaused   meaning = "paused"  // the endpoint; the event comes again after that
	meansDisabled meaning = "disabled"
)

// again reports whether the event comes again.
func (m meaning) again() bool { return m == meansRetried || m == meansPaused }

// goesOn reports whether further events come.
func (m meaning) goesOn() bool { return m != meansPaused && m != meansDisabled }

// trial is an answer that rules are tried with.
type trial struct {
	contract.Attempted
	name string // for people
}

// meaningOf is what an attempt means under one version.
func (f *facts) meaningOf(t trial) meaning {
	v := f.contract.JudgeAttempt(t.Attempted)
	switch {
	case v.Then == hook.ThenDisable:
		return meansDisabled
	case v.Then == hook.ThenPause:
		return meansPaused
	case v.OK:
		return meansReceived
	case v.Then == hook.ThenStop || f.policy.Mode == hook.AtMostOnce:
		return meansStopped
	}
	return meansRetried
}

// ruleKeys are the rules for answers.
var ruleKeys = []string{"success", "disable_if", "stop_if", "pause_if", "retry_if"}

// answers compares what answers mean: those that receivers give, and those that the rules of either version ask for.
func (c *comparison) answers() {
	changed := ""
	for _, key := range ruleKeys {
		if _, ok := c.said("delivery." + key); ok {
			changed = key
			break
		}
	}
	// The mode says by itself what becomes of a failure, see [comparison.delivery].
	mode := c.before.policy.Mode
	if changed == "" {
		return
	}
	before, after := c.before, c.after
	before.policy.Mode, after.policy.Mode = mode, mode
	path := ofDelivery(changed)
	seen := map[[2]meaning]bool{}
	for _, t := range c.trials() {
		if c.stopped() {
			return
		}
		old, now := before.meaningOf(t), after.meaningOf(t)
		if old == now || seen[[2]meaning{old, now}] {
			continue
		}
		seen[[2]meaning{old, now}] = true
		change := "answer_" + string(now)
		switch {
		case old == meansReceived && now == meansRetried:
			change = "success_narrower"
		case old == meansReceived && now == meansStopped:
			change = "answer_lost"
		case old.again() && now == meansReceived:
			change = "success_wider"
		case old == meansDisabled && now == meansStopped:
			change = "answer_spared"
		}
		c.add(old.again() && !now.again() || old.goesOn() && !now.goesOn() || old == meansReceived, change, path, "answer", t.name)
	}
	if len(seen) == 0 {
		for _, key := range ruleKeys {
			if _, ok := c.said("delivery." + key); ok {
				c.tells("answer_rule", ofDelivery(key), "rule", key)
			}
		}
	}
}

var (
	textsOfRules   = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'`)
	numbersOfRules = regexp.MustCompile(`-?\b\d+(?:\.\d+)?\b`)
	jsonOfRules    = regexp.MustCompile(`response\.json((?:\.[A-Za-z_]\w*|\[["'][^"']*["']\]|\[\d+\])+)`)
	headersOfRules = regexp.MustCompile(`response\.headers(?:\.([A-Za-z_]\w*)|\[["']([^"']*)["']\])`)
	nameOfPath     = regexp.MustCompile(`[A-Za-z0-9_-]+`)
)

// maxTrials is how many answers are tried.
const maxTrials = 4000

// trials are answers that receivers give, and those that are made of what the rules of both versions mention.
func (c *comparison) trials() (out []trial) {
	var rules strings.Builder
	for _, x := range []*contract.Contract{c.before.contract, c.after.contract} {
		fmt.Fprintln(&rules, x.SuccessRule())
		for _, then := range []hook.Then{hook.ThenDisable, hook.ThenStop, hook.ThenPause, hook.ThenRetry} {
			fmt.Fprintln(&rules, x.Rule(then))
		}
	}
	text := rules.String()
	words, values := literalsOf(text)
	statuses := slices.Clone(triedStatuses)
	numbers := []int{1, 2}
	for _, v := range values {
		n, err := strconv.Atoi(v)
		if err != nil {
			continue
		}
		for _, near := range []int{n - 1, n, n + 1} {
			if near >= 100 && near < 600 && !slices.Contains(statuses, near) {
				statuses = append(statuses, near)
			}
			if near > 0 && near <= hook.MaxRetries && !slices.Contains(numbers, near) {
				numbers = append(numbers, near)
			}
		}
	}
	add := func(r *hook.Response, class string, number int, name string) {
		if len(out) < maxTrials {
			out = append(out, trial{contract.Attempted{Response: r, Class: class, Number: number}, name})
		}
	}
	for _, status := range statuses {
		for _, b := range triedBodies {
			add(answer(status, b.kind, b.text), "", 1, strings.TrimSpace(strconv.Itoa(status)+" "+b.text))
		}
	}
	var special []hook.Response // what the rules mention, with a status to come
	for _, m := range headersOfRules.FindAllStringSubmatch(text, -1) {
		for _, v := range append(slices.Clone(words), values...) {
			special = append(special, hook.Response{Headers: []hook.Header{{Name: m[1] + m[2], Value: v}}})
		}
	}
	for _, m := range jsonOfRules.FindAllStringSubmatch(text, -1) {
		path := nameOfPath.FindAllString(m[1], -1)
		for _, v := range words {
			special = append(special, *answer(0, "application/json", nested(path, string(quote(v)))))
		}
		for _, v := range append([]string{"true", "false", "null"}, values...) {
			special = append(special, *answer(0, "application/json", nested(path, v)))
		}
	}
	for _, v := range words {
		special = append(special, *answer(0, "text/plain", v))
	}
	for _, s := range special {
		for _, status := range append([]int{200, 400, 429, 503}, statuses[len(triedStatuses):]...) {
			r := s
			r.Status = status
			var name strings.Builder
			name.WriteString(strconv.Itoa(status))
			for _, h := range r.Headers {
				if !strings.EqualFold(h.Name, "Content-Type") {
					name.WriteString(" " + h.Name + ": " + h.Value)
				}
			}
			add(&r, "", 1, strings.TrimSpace(name.String()+" "+string(r.Body)))
		}
	}
	for _, n := range numbers {
		for _, status := range []int{200, 503} {
			add(answer(status, "", ""), "", n, fmt.Sprintf("%d (attempt.number == %d)", status, n))
		}
		for _, class := range append([]string{hook.ClassTimeout, hook.ClassConnectRefused, hook.ClassConnectTimeout, hook.ClassReset, hook.ClassTLSExpired, hook.ClassDNSNotFound}, words...) {
			if nameOfClass.MatchString(class) {
				name := fmt.Sprintf("error.class == %q", class)
				if n > 1 {
					name += fmt.Sprintf(" && attempt.number == %d", n)
				}
				add(nil, class, n, name)
			}
		}
	}
	return out
}

var nameOfClass = regexp.MustCompile(`^(timeout|reset|protocol_error|headers_too_large|token_failed|proxy_failed|(dns|connect|tls)_[a-z_]+)$`)

// literalsOf are the texts and the numbers in a condition.
func literalsOf(text string) (words, values []string) {
	for _, m := range textsOfRules.FindAllStringSubmatch(text, -1) {
		if w := m[1] + m[2]; !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, v := range numbersOfRules.FindAllString(textsOfRules.ReplaceAllString(text, `""`), -1) {
		if !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return words, values
}

// nested is a JSON document with a value at a path.
func nested(path []string, value string) string {
	for _, name := range slices.Backward(path) {
		if _, err := strconv.Atoi(name); err == nil {
			value = "[" + value + "]"
		} else {
			key, _ := json.Marshal(name) // a text always encodes
			value = "{" + string(key) + ":" + value + "}"
		}
	}
	return value
}

func answer(status int, kind, body string) *hook.Response {
	r := &hook.Response{Status: status, Body: []byte(body)}
	if kind != "" {
		r.Headers = []hook.Header{{Name: "Content-Type", Value: kind}}
	}
	return r
}

var triedStatuses = []int{200, 201, 202, 204, 299, 301, 302, 400, 401, 403, 404, 406, 408, 409, 410, 422, 429, 500, 502, 503, 504}

var triedBodies = []struct{ kind, text string }{
	{"", ""},
	{"text/plain", "OK"},
	{"text/html", "<!doctype html><html></html>"},
	{"application/json", `{}`},
	{"application/json", `{"ok":true}`},
	{"application/json", `{"ok":false}`},
	{"application/json", `{"success":true}`},
	{"application/json", `{"status":"ok"}`},
}
