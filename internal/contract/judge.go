package contract

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gancho/internal/expr"
	"gancho/internal/hook"
)

// Verdict is whether an answer counts as success.
type Verdict struct {
	OK     bool
	Class  string // error class (hook.Class…), "" if OK
	Detail string // one English sentence, "" if OK
	Then   hook.Then
	Rule   string // the key of the contract's rule that decided Then; "": none did
	Failed string // why rules could not be applied, one English sentence each; "": all could
}

// Outcome is what the verdict means for the delivery.
func (v Verdict) Outcome() hook.Outcome { return hook.Outcome{OK: v.OK, Class: v.Class, Then: v.Then} }

// Judge applies the contract's success rule to an answer. Without a rule, any 2xx is a
// success, and so is an answer of a transport whose answers have no status. r.Body should
// be all that was read of the answer, not only the part that is stored. It is [Contract.JudgeAttempt] of a first attempt.
func (c *Contract) Judge(r *hook.Response) Verdict {
	return c.JudgeAttempt(Attempted{Response: r, Number: 1})
}

// judge applies the success rule. vars are those of r.
func (c *Contract) judge(r *hook.Response, vars *expr.Response) Verdict {
	rule := c.delivery.success
	if rule == nil {
		if !r.HasStatus() || r.Status >= 200 && r.Status < 300 {
			return Verdict{OK: true}
		}
		return c.byStatus(r)
	}
	ok, err := rule.Eval(nil, vars)
	switch {
	case err == nil && ok:
		return Verdict{OK: true}
	case r.HasStatus() && (r.Status < 200 || r.Status > 299):
		return c.byStatus(r)
	case err != nil:
		return Verdict{Class: hook.ClassBodyRule, Detail: fmt.Sprintf("The success rule of the contract could not be applied to the answer: %v.", err)}
	case !r.HasStatus():
		return Verdict{Class: hook.ClassBodyRule, Detail: "The receiver's answer is not what the contract asks for."}
	}
	return c.byRule(r, vars)
}

// byRule says why the rule refused a 2xx answer: because of the status, if the status
// alone decides, otherwise because of the content.
func (c *Contract) byRule(r *hook.Response, vars *expr.Response) Verdict {
	onlyStatus := c.answer(r)
	onlyStatus.StatusOnly = true
	if _, err := c.delivery.success.Eval(nil, onlyStatus); !errors.Is(err, expr.ErrUndecided) {
		return Verdict{Class: hook.ClassStatusOther, Detail: fmt.Sprintf("The receiver answered %s, which the contract does not count as success.", status(r.Status))}
	}
	what := "the answer's content is not what the contract asks for"
	if vars.HTML() {
		what = "the answer is an HTML page"
	}
	return Verdict{Class: hook.ClassBodyRule, Detail: fmt.Sprintf("The receiver answered %s, but %s.", status(r.Status), what)}
}

// byStatus classifies an answer by its status alone.
func (c *Contract) byStatus(r *hook.Response) Verdict {
	v := Verdict{Class: hook.ClassStatusOther, Detail: fmt.Sprintf("The receiver answered %s.", status(r.Status))}
	not := "redirects are never followed"
	if c.delivery.redirects > 0 {
		not = fmt.Sprintf("this redirect was not followed: at most %d are, with 307 or 308 (others only after a GET), and none to http:// or to where a secret would go", c.delivery.redirects)
	}
	switch s := r.Status; {
	case s == http.StatusGone:
		v.Class = hook.ClassGone
	case s == http.StatusTooManyRequests:
		v.Class = hook.ClassRateLimited
	case s >= 300 && s < 400:
		v.Class = hook.ClassRedirect
		v.Detail = fmt.Sprintf("The receiver answered %s; %s.", status(s), not)
		for _, h := range r.Headers {
			if strings.EqualFold(h.Name, "Location") && h.Value != "" {
				// The text is logged, and some receivers repeat the whole request in the query.
				to, _, asks := strings.Cut(h.Value, "?")
				if asks {
					to += "?…"
				}
				v.Detail = fmt.Sprintf("The receiver answered %s and points to %s; %s.", status(s), to, not)
			}
		}
	case s >= 400 && s < 500:
		v.Class = hook.ClassStatus4xx
	case s >= 500 && s < 600:
		v.Class = hook.ClassStatus5xx
	}
	return v
}

func status(code int) string {
	if t := http.StatusText(code); t != "" {
		return fmt.Sprintf("%d %s", code, t)
	}
	return fmt.Sprint(code)
}

// answer is an answer for the contract's rules.
func (c *Contract) answer(r *hook.Response) *expr.Response {
	vars := expr.NewResponse(r)
	vars.Challenge = c.asked
	return vars
}
