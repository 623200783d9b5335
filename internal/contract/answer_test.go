package contract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// Each row of the table of docs/states.md: which rule decides, after a success and after a failure.
func TestRules(t *testing.T) {
	t.Parallel()
	const top = "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery:\n"
	for _, tc := range []struct {
		rules  string
		status int
		want   Verdict // without its detail
	}{
		{"  disable_if: 'true'\n  stop_if: 'true'\n  pause_if: 'true'\n  retry_if: 'true'\n", 200, Verdict{OK: true, Then: hook.ThenDisable, Rule: "disable_if"}},
		{"  disable_if: 'true'\n  stop_if: 'true'\n  pause_if: 'true'\n  retry_if: 'true'\n", 500, Verdict{Class: "status_5xx", Then: hook.ThenDisable, Rule: "disable_if"}},
		{"  stop_if: 'true'\n  pause_if: 'true'\n  retry_if: 'true'\n", 200, Verdict{OK: true, Then: hook.ThenStop, Rule: "stop_if"}},
		{"  stop_if: 'true'\n  pause_if: 'true'\n  retry_if: 'true'\n", 406, Verdict{Class: "status_4xx", Then: hook.ThenStop, Rule: "stop_if"}},
		{"  pause_if: 'true'\n  retry_if: 'true'\n", 200, Verdict{OK: true, Then: hook.ThenPause, Rule: "pause_if"}},
		{"  pause_if: 'true'\n  retry_if: 'true'\n", 402, Verdict{Class: "status_4xx", Then: hook.ThenPause, Rule: "pause_if"}},
		{"  retry_if: 'true'\n", 200, Verdict{Class: "answer_rule", Then: hook.ThenRetry, Rule: "retry_if"}},
		{"  retry_if: 'true'\n", 500, Verdict{Class: "status_5xx", Then: hook.ThenRetry, Rule: "retry_if"}},
		{"  retry_if: 'false'\n", 200, Verdict{OK: true}},
		{"  retry_if: 'false'\n", 500, Verdict{Class: "status_5xx"}},

		// 410 disables by default; pausing and trying again come before that, and disable_if takes its place.
		{"  retry_if: 'false'\n", 410, Verdict{Class: "gone", Then: hook.ThenDisable}},
		{"  stop_if: 'true'\n", 410, Verdict{Class: "gone", Then: hook.ThenDisable, Rule: "stop_if"}},
		{"  pause_if: 'true'\n", 410, Verdict{Class: "gone", Then: hook.ThenPause, Rule: "pause_if"}},
		{"  retry_if: 'true'\n", 410, Verdict{Class: "gone", Then: hook.ThenRetry, Rule: "retry_if"}},
		{"  disable_if: 'false'\n", 410, Verdict{Class: "gone"}},

		// What a rule sees.
		{"  stop_if: response.headers[\"x-slack-no-retry\"] == \"1\"\n", 500, Verdict{Class: "status_5xx", Then: hook.ThenStop, Rule: "stop_if"}},
		{"  stop_if: attempt.number == 3 && error.class == \"status_5xx\"\n", 500, Verdict{Class: "status_5xx", Then: hook.ThenStop, Rule: "stop_if"}},
		{"  stop_if: error.class == \"\"\n", 200, Verdict{OK: true, Then: hook.ThenStop, Rule: "stop_if"}},

		// One that cannot be applied does not hold, and the next is asked.
		{
			"  stop_if: response.json.a > 1\n  retry_if: 'true'\n", 500,
			Verdict{Class: "status_5xx", Then: hook.ThenRetry, Rule: "retry_if", Failed: "The rule stop_if of the contract could not be applied: "},
		},
		{
			"  stop_if: response.json.a > 1\n  pause_if: response.json.a > 1\n", 200,
			Verdict{OK: true, Failed: "The rule stop_if of the contract could not be applied: "},
		},
	} {
		c := parseContract(t, top+tc.rules)
		got := c.JudgeAttempt(Attempted{Number: 3, Response: &hook.Response{
			Status: tc.status, Body: []byte(`{"a":"x"}`), Headers: headers("X-Slack-No-Retry", "1"),
		}})
		if (got.Detail == "") != got.OK {
			t.Errorf("%s with %d: detail %q", tc.rules, tc.status, got.Detail)
		}
		got.Detail = ""
		if tc.want.Failed != "" && strings.HasPrefix(got.Failed, tc.want.Failed) {
			got.Failed = tc.want.Failed
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s with %d (-want +got):\n%s", tc.rules, tc.status, d)
		}
	}
}

// Rules see an attempt without an answer, too.
func TestRulesWithoutAnswer(t *testing.T) {
	t.Parallel()
	c := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery: {stop_if: error.class == 'tls_untrusted' && response.status == 0 && response.empty}\n")
	want := Verdict{Class: "tls_untrusted", Detail: "Bad.", Then: hook.ThenStop, Rule: "stop_if"}
	if d := cmp.Diff(want, c.JudgeAttempt(Attempted{Class: "tls_untrusted", Detail: "Bad.", Number: 1})); d != "" {
		t.Error(d)
	}
	if got := c.JudgeAttempt(Attempted{Class: "timeout", Detail: "Late.", Number: 1}); got != (Verdict{Class: "timeout", Detail: "Late."}) {
		t.Errorf("another class: %+v", got)
	}
}

// The verdict says that a rule saw only the beginning of an answer. Only rules about the content need all of it.
func TestJudgesWhatWasRead(t *testing.T) {
	t.Parallel()
	const top = "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery: "
	c := parseContract(t, top+"{success: response.json.ok}\n")
	long := []byte(`{"pad":"` + strings.Repeat("x", hook.KeepBody) + `","ok":true}`)
	r := &hook.Response{Status: 200, Body: long[:hook.KeepBody], Truncated: true, Long: &hook.Long{Body: long}}
	if v := c.Judge(r); !v.OK {
		t.Errorf("an answer of %d bytes: %+v", len(long), v)
	}
	r.Long.Cut = true
	if v := c.Judge(r); v.OK || v.Class != hook.ClassBodyRule || !strings.Contains(v.Detail, "only its beginning") {
		t.Errorf("an answer that was cut: %+v", v)
	}
	for rules, want := range map[string]bool{
		"{success: response.json.ok}": true, "{success: response.status == 200}": false, "{stop_if: '!response.empty'}": true,
		"{retry_if: response.headers.x == '1', success: response.status < 300}": false, "{pause_if: response.body == 'x'}": true,
		"{success: '!response.html'}": true, "{success: response.is_json}": true, "{timeout: 1s}": false,
	} {
		if got := parseContract(t, top+rules+"\n").JudgesBody(); got != want {
			t.Errorf("%s looks at the content: %t", rules, got)
		}
	}
}

// A contract that asks for nothing costs nothing but its verdict.
func TestJudgeWithoutRules(t *testing.T) {
	c := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\n")
	r := &hook.Response{Status: 200, Body: []byte("ok")}
	if n := testing.AllocsPerRun(100, func() { c.Judge(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The tests of a contract say what its rules make of an answer.
func TestCasesOfRules(t *testing.T) {
	t.Parallel()
	c := parseContract(t, `contract: t
title: T
events: {e: {title: E}}
delivery:
  stop_if: response.status == 406
  pause_if: response.status == 402 && attempt.number == 2
  retry_if: response.headers["retry-after"] != null
tests:
  406 stops: {answer: {status: 406, is: stop}}
  402 pauses: {attempt: 2, answer: {status: 402, is: pause}}
  402 at first: {answer: {status: 402, is: retry}}
  asks again: {answer: {status: 200, headers: {Retry-After: "3"}, is: retry}}
  fine: {answer: {status: 200, is: success}}
`)
	results := c.RunTests()
	if len(results) != 5 {
		t.Errorf("%d tests", len(results))
	}
	for _, r := range results {
		if r.Wrong != "" {
			t.Errorf("%s: %s", r.Name, r.Wrong)
		}
	}
}
