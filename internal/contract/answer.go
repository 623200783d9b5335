package contract

import (
	"fmt"
	"slices"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// What an answer means beyond success and failure: the rules disable_if, stop_if, pause_if and retry_if of the section
// delivery.

// answerRules are the rules of a contract, in the order in which they are asked. The first that holds decides alone.
type answerRules []answerRule

type answerRule struct {
	then hook.Then
	when *expr.Condition
}

// ruleKeys are the keys of the rules, in their order.
var ruleKeys = []struct {
	key  string
	then hook.Then
}{
	{"disable_if", hook.ThenDisable},
	{"stop_if", hook.ThenStop},
	{"pause_if", hook.ThenPause},
	{"retry_if", hook.ThenRetry},
}

// answerRules reads the rules.
func (l *loader) answerRules(o yamlfile.Object) (list answerRules) {
	for _, k := range ruleKeys {
		if v := o.Get(k.key); v != nil {
			if when := template.ReadCondition(l.File, v, expr.Answer()); when != nil {
				list = append(list, answerRule{k.then, when})
			}
		}
	}
	return list
}

// rule is the rule that has a consequence, nil if the contract has none.
func (list answerRules) rule(then hook.Then) *expr.Condition {
	for _, r := range list {
		if r.then == then {
			return r.when
		}
	}
	return nil
}

// Attempted is an attempt whose request was sent, for [Contract.JudgeAttempt].
type Attempted struct {
	Response *hook.Response // nil: none came; with Class perhaps only a part
	Class    string         // error class of an exchange that failed; "" if a complete answer came
	Detail   string         // what failed, as one English sentence; "" with a complete answer
	Number   int            // of the attempt, from 1
}

// JudgeAttempt says whether an attempt is a success, and which of the contract's rules decides what follows. The rules
// see the attempt after the success rule has judged its answer. A rule that cannot be applied does not hold; Failed
// says why.
func (c *Contract) JudgeAttempt(a Attempted) Verdict {
	v, d := Verdict{Class: a.Class, Detail: a.Detail}, &c.delivery
	var vars *expr.Response // nil: no rule asks for anything
	if d.success != nil || len(d.rules) > 0 {
		vars = c.answer(a.Response)
	}
	if a.Class == "" {
		v = c.judge(a.Response, vars)
	}
	if len(d.rules) > 0 {
		d.rules.apply(&v, &expr.Answered{Response: vars, Class: v.Class, Attempt: int64(a.Number)})
	}
	// Without a rule of the contract, 410 disables the endpoint, unless it pauses, or is tried again.
	if v.Class == hook.ClassGone && d.rules.rule(hook.ThenDisable) == nil && v.Then != hook.ThenPause && v.Then != hook.ThenRetry {
		v.Then = hook.ThenDisable
	}
	if !v.OK && vars != nil && vars.Cut() {
		v.Detail += " The answer is longer than what is read of it, or damaged, so the rule saw only its beginning."
	}
	return v
}

// apply adds to a verdict what the first rule that holds says.
func (list answerRules) apply(v *Verdict, vars expr.Vars) {
	for _, r := range list {
		holds, err := r.when.Eval(nil, vars)
		switch {
		case err != nil:
			if v.Failed != "" {
				v.Failed += " "
			}
			v.Failed += fmt.Sprintf("The rule %s of the contract could not be applied: %v.", ruleKey(r.then), err)
			continue
		case !holds:
			continue
		}
		if v.Then, v.Rule = r.then, ruleKey(r.then); r.then == hook.ThenRetry && v.OK {
			v.OK, v.Class = false, hook.ClassAnswerRule
			v.Detail = "The answer counts as success, but the contract's rule retry_if holds, so the message is sent again."
		}
		return
	}
}

func ruleKey(then hook.Then) string {
	for _, k := range ruleKeys {
		if k.then == then {
			return k.key
		}
	}
	return ""
}

// JudgesBody reports whether some rule of the contract looks at the content of an answer, so that all that can be read of
// it has to be there.
func (c *Contract) JudgesBody() bool { return c.delivery.judgesBody }

// looksAtBody computes [Contract.JudgesBody].
func (d *delivery) looksAtBody() bool {
	content := func(r expr.Reference) bool {
		return r.Path[0] == "response" && (len(r.Path) < 2 || r.Path[1] != "status" && r.Path[1] != "headers")
	}
	if d.batch.failed != nil && slices.ContainsFunc(d.batch.failed.References(), content) {
		return true
	}
	if d.success != nil && slices.ContainsFunc(d.success.References(), content) {
		return true
	}
	return slices.ContainsFunc(d.rules, func(r answerRule) bool { return slices.ContainsFunc(r.when.References(), content) })
}

// Rule is the text of a rule of the contract, "" if it has none.
func (c *Contract) Rule(then hook.Then) string {
	if when := c.delivery.rules.rule(then); when != nil {
		return when.Text()
	}
	return ""
}
