// Package explain says in words for people why things are as they are: what became of an attempt, which rules made a
// delivery what it is and what happens next, and why an endpoint got an event or did not.
//
// It finds the reasons from what is stored and from the contracts in force, and takes their sentences from package
// diagnose. It promises:
//
//   - It is pure: it reads no database and knows no clock. The same stored values give the same reasons.
//   - Every reason has a stable code beside its sentence, so that programs need not read sentences.
//   - What is gone (an endpoint, an event, a contract) leaves its reasons out. It never makes an explanation fail.
package explain

import (
	"gancho/internal/contract"
	"gancho/internal/diagnose"
	"gancho/internal/hook"
	"gancho/internal/match"
)

// Explainer explains by the contracts in force.
type Explainer struct{ Contracts *contract.Set }

// reason makes a reason of its code and the facts that its sentence mentions, as pairs of a name and a value.
func reason(why diagnose.Why, language, cause string, facts ...string) hook.Reason {
	return hook.Reason{Code: string(why), Detail: diagnose.Explain(why, language, facts...), Cause: cause}
}

// serving is the contract by whose version an endpoint is served. It is nil if the contract or the endpoint is gone.
func (x Explainer) serving(e *hook.Endpoint) *contract.Contract {
	if e == nil {
		return nil
	}
	c, ok := x.Contracts.For(e)
	if !ok {
		return nil
	}
	return c
}

// Attempt says what became of an attempt of a delivery. e is nil if the endpoint is gone.
func (x Explainer) Attempt(e *hook.Endpoint, d hook.Delivery, at *hook.Attempt, language string) hook.Diagnosis {
	return x.AttemptUnder(x.serving(e), e, d, at, language)
}

// AttemptUnder is Attempt under a contract that need not be in force; nil: it is gone.
func (Explainer) AttemptUnder(
	c *contract.Contract, e *hook.Endpoint, d hook.Delivery, at *hook.Attempt, language string,
) hook.Diagnosis {
	in := diagnose.Attempt{Class: at.Class, URL: at.Request.URL, Response: at.Response}
	if at.Response != nil {
		in.HTML = contract.IsHTML(at.Response)
	}
	if e != nil {
		if in.URL == "" { // no request was made
			in.URL = e.Config.URL
		}
		// The limits of now are those of the attempt, unless the endpoint or its contract was changed since.
		if c != nil && d.EndpointVersion == e.Version && d.ContractVersion == c.Version {
			limits := c.Limits(e.Config)
			in.Limit, in.Connect = limits.Timeout, limits.ConnectTimeout
		}
	}
	if c != nil && e != nil {
		if ends := c.SoonestExpiry(e.Config); !ends.IsZero() && ends.Before(at.StartedAt.Add(hook.CertificateWarning)) {
			in.Ends = ends
		}
	}
	out := diagnose.Of(in, language)
	return hook.Diagnosis{
		Code: out.Code, Level: string(out.Level), Language: out.Language, Title: out.Title,
		Advice: out.Advice,
	}
}

// Event says why an endpoint got an event, or did not: all reasons that apply, the most telling first. d is the
// delivery of the event to the endpoint, nil if there is none. cancelled is what a script said when it cancelled the
// delivery.
func (x Explainer) Event(e *hook.Endpoint, ev *hook.Event, d *hook.Delivery, cancelled, language string) (out []hook.Reason) {
	because := func(why diagnose.Why, cause string) {
		out = append(out, reason(why, language, cause))
	}
	switch {
	case d != nil:
		switch {
		case d.Reason == hook.ReasonScript:
			because(diagnose.WhyScript, cancelled)
		case d.Reason == hook.ReasonFilterFailed:
			why, cause := matches(e, ev)
			if why != match.FilterFailed { // the filter is another one now
				cause = ""
			}
			because(diagnose.WhyFilterFailed, cause)
		case d.LeftOut():
			because(diagnose.WhyOverBudget, e.Config.Filter)
		default:
			because(ofState(d.State), "")
		}
		if e.State == hook.EndpointPaused && !d.State.Finished() {
			because(diagnose.WhyPaused, "")
		}
		if e.Unreadable && !d.State.Finished() {
			because(diagnose.WhyUnreadable, "")
		}
		return out
	case ev.Door == hook.DoorTest:
		because(diagnose.WhyTest, "")
		return out
	case ev.Contract != e.Contract:
		because(diagnose.WhyContract, "")
		return out
	}
	if e.Unreadable { // so nobody knows what it would take
		because(diagnose.WhyUnreadable, "")
		return out
	}
	if ev.CreatedAt.Before(e.CreatedAt) {
		because(diagnose.WhyCreatedLater, "")
	}
	switch why, cause := matches(e, ev); why {
	case match.OtherType:
		because(diagnose.WhyType, "")
	case match.FilteredOut:
		because(diagnose.WhyFilter, "")
	case match.FilterFailed:
		because(diagnose.WhyFilterFailed, cause)
	case match.OverBudget:
		because(diagnose.WhyOverBudget, e.Config.Filter)
	case match.Taken:
	}
	if e.State == hook.EndpointDisabled {
		because(diagnose.WhyDisabled, "")
	}
	if len(out) == 0 {
		because(diagnose.WhyChanged, "")
	}
	return out
}

// matches says whether an endpoint, as it is configured now, takes an event.
func matches(e *hook.Endpoint, ev *hook.Event) (match.Why, string) {
	types, err := match.CompileTypes(e.Config.EventTypes)
	if err != nil { // types and filter were checked when the endpoint was stored
		return match.OtherType, err.Error()
	}
	filter, err := match.CompileFilter(e.Config.Filter)
	if err != nil {
		return match.FilterFailed, err.Error()
	}
	return match.Target{Endpoint: e.ID, Types: types, Filter: filter}.Explain(nil, ev)
}

// ofState is the reason that a delivery's state is by itself.
func ofState(s hook.State) diagnose.Why {
	switch s {
	case hook.Delivered:
		return diagnose.WhyDelivered
	case hook.Failed:
		return diagnose.WhyFailed
	case hook.Unknown:
		return diagnose.WhyUnknown
	case hook.Cancelled:
		return diagnose.WhyCancelled
	case hook.Pending, hook.Sending, hook.Retrying:
	}
	return diagnose.WhyWaiting
}
