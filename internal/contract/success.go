package contract

import (
	"errors"
	"net/http"
	"slices"

	"gancho/internal/expr"
	"gancho/internal/hook"
)

// Success is what can be said for certain about the answers that count as success.
type Success struct {
	// Statuses are those from 200 to 599 with which an answer can be a success, in order. With any other none is.
	Statuses []int
	// By is what decides beside the status.
	By SuccessBy
	// Example is an answer that is a success; nil if none is known.
	Example *hook.Response
}

// SuccessBy is what decides about success beside the status.
type SuccessBy int

// What decides beside the status.
const (
	SuccessByStatus SuccessBy = iota // nothing
	SuccessByPage                    // an HTML page is no success
	SuccessByMore                    // the content or the headers, as the rule says
)

// Success says which answers count as success. It is found out by trying the rule, with no more than the rule reads, so it
// holds for rules of any form.
func (c *Contract) Success() Success {
	s := Success{By: c.successBy()}
	page := []byte("<!doctype html>")
	for status := http.StatusOK; status < 600; status++ {
		switch ok, undecided := c.byStatusAlone(status); {
		case ok:
			s.Statuses = append(s.Statuses, status)
		case !undecided:
		case s.By != SuccessByPage:
			s.Statuses = append(s.Statuses, status)
		default:
			plain, html := c.succeeds(&hook.Response{Status: status}), c.succeeds(&hook.Response{Status: status, Body: page})
			if html { // the rule asks for a page, at least with this status
				s.By = SuccessByMore
			}
			if plain || html {
				s.Statuses = append(s.Statuses, status)
			}
		}
	}
	s.Example = c.successExample(s.Statuses)
	return s
}

// successBy is what the success rule reads.
func (c *Contract) successBy() SuccessBy {
	by := SuccessByStatus
	if c.delivery.success == nil {
		return by
	}
	for _, r := range c.delivery.success.References() {
		switch {
		case len(r.Path) < 2 || r.Path[1] != "status" && r.Path[1] != "html":
			return SuccessByMore
		case r.Path[1] == "html":
			by = SuccessByPage
		}
	}
	return by
}

// byStatusAlone is whether an answer with a status is a success, or undecided if the status alone does not say.
func (c *Contract) byStatusAlone(status int) (ok, undecided bool) {
	r := &hook.Response{Status: status}
	if c.delivery.success == nil {
		return c.judge(r, nil).OK, false
	}
	vars := expr.NewResponse(r)
	vars.StatusOnly = true
	ok, err := c.delivery.success.Eval(nil, vars)
	return ok && err == nil, errors.Is(err, expr.ErrUndecided)
}

// succeeds reports whether an answer is a success, whatever other rules say.
func (c *Contract) succeeds(r *hook.Response) bool { return c.judge(r, c.answer(r)).OK }

// successExample is the simplest answer that is a success and asks for nothing else: one that is known, or one from the
// tests of the contract.
func (c *Contract) successExample(statuses []int) *hook.Response {
	var answers []*hook.Response
	usual := []int{http.StatusOK, http.StatusNoContent, http.StatusAccepted, http.StatusCreated}
	for _, status := range slices.Concat(usual, statuses) {
		for _, body := range []string{"", "OK", "{}", `{"success":true}`} {
			answers = append(answers, &hook.Response{Status: status, Body: []byte(body)})
		}
	}
	for i := range c.tests {
		if t := &c.tests[i]; t.answer != nil && t.answer.is == meansSuccess && !t.shakes && len(t.answer.Headers) == 0 {
			answers = append(answers, &t.answer.Response)
		}
	}
	i := slices.IndexFunc(answers, func(r *hook.Response) bool { return slices.Contains(statuses, r.Status) && c.Judge(r).OK })
	if i < 0 {
		return nil
	}
	return answers[i]
}
