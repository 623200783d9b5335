package api

import (
	"strconv"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/diagnose"
	"gancho/internal/hook"
	"gancho/internal/match"
)

// fate is what is known of a delivery when it is asked why it is what it is.
type fate struct {
	delivery hook.Delivery
	endpoint *hook.Endpoint // nil: gone
	event    *hook.Event    // nil: removed
	last     *hook.Attempt  // nil: there was none
}

// why says which rules made a delivery what it is, and what happens next.
func (a *API) why(f fate, language string) client.DeliveryWhy {
	var out client.DeliveryWhy
	because := func(why diagnose.Why, cause string, facts ...string) *client.Reason {
		return &client.Reason{Code: string(why), Detail: diagnose.Explain(why, language, facts...), Cause: cause}
	}
	var served *contract.Contract // by which it is judged, and tried again
	if f.endpoint != nil {
		served = a.servedBy(f.endpoint)
	}
	if f.event != nil {
		why, cause, facts := f.made(a.contract(f.event.Contract), language)
		out.Made = because(why, cause, facts...)
		why, cause = f.taken()
		out.Taken = because(why, cause)
		if served == nil {
			served = a.contract(f.event.Contract)
		}
	}
	if served != nil {
		why, facts := f.judged(served, language)
		out.Judged = because(why, served.SuccessRule(), facts...)
	}
	why, facts := f.next(served)
	out.Next = *because(why, "", facts...)
	return out
}

// made is what made the event. c is nil if its contract is gone.
func (f *fate) made(c *contract.Contract, language string) (why diagnose.Why, rule string, facts []string) {
	title, kind := f.event.Type, ""
	if c != nil {
		if e, ok := c.Event(f.event.Type); ok {
			if text := e.Title.In(language); text != "" && e.Name == f.event.Type { // "*" has a title for none in particular
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

// taken is why the endpoint got the event.
func (f *fate) taken() (why diagnose.Why, filter string) {
	switch {
	case f.delivery.Test:
		return diagnose.WhyTest, ""
	case f.endpoint == nil || f.endpoint.State == hook.EndpointDeleted:
		return diagnose.WhyGone, ""
	}
	config := &f.endpoint.Config
	if found, _ := explain(f.endpoint, f.event); found != match.Taken {
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

// judged is what counts as success, and whether the latest answer did.
func (f *fate) judged(c *contract.Contract, language string) (diagnose.Why, []string) {
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
	case hook.ClassTimeout, hook.ClassReset, hook.ClassProtocol, hook.ClassHeadersTooBig: // it began, and did not end
		return diagnose.WhyNoAnswer, nil
	}
	return not, facts
}

// next is what happens next. c is nil if the contract is gone.
func (f *fate) next(c *contract.Contract) (diagnose.Why, []string) {
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

// waits is what an unfinished delivery waits for.
func (f *fate) waits(c *contract.Contract) (diagnose.Why, []string) {
	switch {
	case f.endpoint == nil:
		return diagnose.WhySwitched, nil
	case f.endpoint.State == hook.EndpointPaused:
		return diagnose.WhyPaused, nil
	case f.endpoint.State == hook.EndpointDisabled:
		return diagnose.WhyDisabled, nil
	case f.delivery.Attempts == 0 || c == nil:
		return diagnose.WhyFirst, nil
	}
	n, most := f.delivery.Slot+1, len(c.Policy(f.endpoint.Config).Retry)
	return diagnose.WhyNext, []string{"n", strconv.Itoa(n), "most", strconv.Itoa(max(n, most))}
}

// cancelled is why it is not sent any more.
func (f *fate) cancelled() diagnose.Why {
	switch f.delivery.Reason {
	case hook.ReasonSuperseded:
		return diagnose.WhySuperseded
	case hook.ReasonShadow:
		return diagnose.WhyTrial
	case hook.ReasonScript:
		return diagnose.WhyScript
	}
	return diagnose.WhySwitched
}
