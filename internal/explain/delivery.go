package explain

import (
	"strconv"

	"gancho/internal/contract"
	"gancho/internal/diagnose"
	"gancho/internal/hook"
	"gancho/internal/match"
)

// subject is a delivery and what is known of it.
type subject struct {
	delivery hook.Delivery
	endpoint *hook.Endpoint // nil: gone
	event    *hook.Event    // nil: removed
	last     *hook.Attempt  // nil: nothing was attempted
}

// Delivery says which rules made a delivery what it is, and what happens next. e is nil if the endpoint is gone, ev if
// the event was removed, and last, the latest attempt, if there was none. heldBy is the delivery that holds the
// queue before it, "" if none does.
func (x Explainer) Delivery(d hook.Delivery, e *hook.Endpoint, ev *hook.Event, last *hook.Attempt, heldBy, language string) hook.Why {
	f := &subject{d, e, ev, last}
	because := func(why diagnose.Why, cause string, facts ...string) *hook.Reason {
		return new(reason(why, language, cause, facts...))
	}
	var out hook.Why
	served := x.serving(e) // the contract by which the delivery is judged and tried again
	if ev != nil {
		c, ok := x.Contracts.Lookup(ev.Contract)
		if !ok {
			c = nil
		}
		why, cause, facts := f.made(c, language)
		out.Made = because(why, cause, facts...)
		why, cause = f.taken()
		out.Taken = because(why, cause)
		if served == nil {
			served = c
		}
	}
	if served != nil {
		why, facts := f.judged(served, language)
		out.Judged = because(why, served.SuccessRule(), facts...)
		if why, cause := f.ruled(served); why != "" {
			out.Rule = because(why, cause, "contract", served.Title.In(language))
		}
	}
	why, facts := f.next(served)
	cause := ""
	if heldBy != "" && (why == diagnose.WhyFirst || why == diagnose.WhyNext) {
		why, cause = diagnose.WhyHeldBehind, heldBy
	}
	out.Next = *because(why, cause, facts...)
	return out
}

// made says what made the event. rule is the condition that a change of a record had to meet. c is nil if the contract
// is gone.
func (f *subject) made(c *contract.Contract, language string) (why diagnose.Why, rule string, facts []string) {
	title, kind := f.event.Type, ""
	if c != nil {
		if e, ok := c.Event(f.event.Type); ok {
			if text := e.Title.In(language); text != "" && e.Name == f.event.Type { // the title of "*" is about no type in particular
				title = text
			}
			if r, ok := c.Record(e.On); ok {
				kind, rule = r.Title.In(language), e.Condition()
			}
		}
	}
	facts = []string{"event", title, "kind", kind}
	switch f.event.Door {
	case hook.DoorRecord:
		return diagnose.WhyRecord, rule, facts
	case hook.DoorSchedule:
		return diagnose.WhySchedule, "", facts
	case hook.DoorTest:
		return diagnose.WhyTest, "", nil
	case hook.DoorInbound:
		return diagnose.WhyForwarded, "", facts
	case hook.DoorAPI:
	}
	return diagnose.WhyPosted, "", facts
}

// taken says why the endpoint got the event.
func (f *subject) taken() (why diagnose.Why, filter string) {
	switch {
	case f.delivery.Test:
		return diagnose.WhyTest, ""
	case f.delivery.Reason == hook.ReasonFilterFailed && f.endpoint != nil:
		return diagnose.WhyFilterFailed, f.endpoint.Config.Filter
	case f.delivery.LeftOut() && f.endpoint != nil:
		return diagnose.WhyOverBudget, f.endpoint.Config.Filter
	case f.endpoint == nil || f.endpoint.State == hook.EndpointDeleted:
		return diagnose.WhyGone, ""
	}
	config := &f.endpoint.Config
	if found, _ := matches(f.endpoint, f.event); found != match.Taken {
		return diagnose.WhyTookThen, config.Filter
	}
	switch {
	case config.Filter != "":
		return diagnose.WhyTakesFilter, config.Filter
	case len(config.EventTypes) > 0:
		return diagnose.WhyTakesType, ""
	}
	return diagnose.WhyTakesAll, ""
}

// judged says what counts as success, and whether the latest answer did.
func (f *subject) judged(c *contract.Contract, language string) (diagnose.Why, []string) {
	counts, held, not := diagnose.WhyStatusCounts, diagnose.WhyStatusHeld, diagnose.WhyStatusNotHeld
	if c.SuccessRule() != "" {
		counts, held, not = diagnose.WhyRuleCounts, diagnose.WhyRuleHeld, diagnose.WhyRuleNotHeld
	}
	facts := []string{"contract", c.Title.In(language)}
	switch {
	case f.last == nil || f.last.Request.Method == "": // nothing was sent
		return counts, facts
	case f.last.Response == nil:
		return diagnose.WhyNoAnswer, nil
	}
	facts = append(facts, "status", strconv.Itoa(f.last.Response.Status))
	switch f.last.Class {
	case "":
		return held, facts
	case hook.ClassTooSlow:
		return diagnose.WhyTooLate, nil
	case hook.ClassTimeout, hook.ClassReset, hook.ClassProtocol, hook.ClassHeadersTooBig: // the answer began and did not end
		return diagnose.WhyNoAnswer, nil
	}
	return not, facts
}

// ruled says which rule of the contract decided what follows from the latest attempt, "" if none did. cause is the rule
// as it is now, or the error for which one was left aside.
func (f *subject) ruled(c *contract.Contract) (why diagnose.Why, cause string) {
	if f.last == nil {
		return "", ""
	}
	x := f.last.Extras()
	switch x.Rule {
	case "disable_if":
		return diagnose.WhyRuleDisables, c.Rule(hook.ThenDisable)
	case "stop_if":
		return diagnose.WhyRuleStops, c.Rule(hook.ThenStop)
	case "pause_if":
		return diagnose.WhyRulePauses, c.Rule(hook.ThenPause)
	case "retry_if":
		return diagnose.WhyRuleRetries, c.Rule(hook.ThenRetry)
	}
	if x.RuleFailed != "" {
		return diagnose.WhyRuleFailed, x.RuleFailed
	}
	return "", ""
}

// next says what happens next. c is nil if the contract is gone.
func (f *subject) next(c *contract.Contract) (diagnose.Why, []string) {
	d := &f.delivery
	switch d.State {
	case hook.Pending, hook.Retrying:
		return f.waits(c)
	case hook.Sending:
		return diagnose.WhyNow, nil
	case hook.Delivered:
		return diagnose.WhyDone, nil
	case hook.Unknown:
		return diagnose.WhyUnknown, nil
	case hook.Cancelled:
		return f.cancelled(), nil
	case hook.Failed:
	}
	switch {
	case d.Test:
		return diagnose.WhyTestOnce, nil
	case d.Mode == hook.AtMostOnce:
		return diagnose.WhyOnce, nil
	}
	return diagnose.WhyGaveUp, nil
}

// waits says what an unfinished delivery waits for.
func (f *subject) waits(c *contract.Contract) (diagnose.Why, []string) {
	switch {
	case f.endpoint == nil:
		return diagnose.WhySwitched, nil
	case f.endpoint.Unreadable && f.endpoint.State == hook.EndpointActive:
		return diagnose.WhyUnreadable, nil
	case f.endpoint.State == hook.EndpointPaused:
		return diagnose.WhyPaused, nil
	case f.endpoint.State == hook.EndpointDisabled:
		return diagnose.WhyDisabled, nil
	case f.delivery.Held():
		return diagnose.WhyHolds, nil
	case f.delivery.Attempts == 0 || c == nil:
		return diagnose.WhyFirst, nil
	}
	n, most := f.delivery.Slot+1, len(c.Policy(f.endpoint.Config).Retry)
	return diagnose.WhyNext, []string{"n", strconv.Itoa(n), "most", strconv.Itoa(max(n, most))}
}

// cancelled says why the delivery is not sent any more.
func (f *subject) cancelled() diagnose.Why {
	switch f.delivery.Reason {
	case hook.ReasonSuperseded:
		return diagnose.WhySuperseded
	case hook.ReasonSkipped:
		return diagnose.WhySkipped
	case hook.ReasonShadow:
		return diagnose.WhyTrial
	case hook.ReasonScript:
		return diagnose.WhyScript
	case hook.ReasonOverBudget:
		return diagnose.WhyLeftOut
	case hook.ReasonFilterFailed:
		return diagnose.WhyMendFilter
	}
	return diagnose.WhySwitched
}
