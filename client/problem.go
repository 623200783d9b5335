package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is a failed request (RFC 9457, application/problem+json). If the server refuses a request, the method of
// [Client] returns one as its error.
type Problem struct {
	Type   string         `json:"type" doc:"A URN of the code." example:"urn:gancho:problem:payload_invalid"`
	Title  string         `json:"title" doc:"The status in words." example:"Unprocessable Entity"`
	Status int            `json:"status" doc:"The HTTP status." example:"422"`
	Detail string         `json:"detail" doc:"What is wrong with this request and what to change." example:"The payload has the member \"id\" twice. Keep one of them."`
	Code   string         `json:"code" doc:"A stable word, for programs." example:"payload_invalid"`
	Errors []ProblemError `json:"errors,omitempty" doc:"The places in the request that are wrong, if that can be said."`

	// RetryAfter is the time in the header Retry-After; 0 if the answer had none.
	RetryAfter time.Duration `json:"-"`
}

// ProblemError is one wrong place in a request.
type ProblemError struct {
	Pointer   *string           `json:"pointer,omitempty" doc:"JSON Pointer (RFC 6901) into the request body; empty for the body as a whole." example:"/payload"`
	Parameter string            `json:"parameter,omitempty" doc:"Name of the query parameter, path parameter or header, if the wrong place is not in the body." example:"limit"`
	Line      int               `json:"line,omitempty" doc:"Line in a text such as a contract, from 1."`
	Column    int               `json:"column,omitempty" doc:"Column in the line, in characters from 1."`
	Detail    string            `json:"detail" doc:"What is wrong there and what would be right."`
	Code      string            `json:"code,omitempty" doc:"A stable word for the mistake, by which a program can translate detail; absent where detail is free text." example:"url_scheme"`
	Params    map[string]string `json:"params,omitempty" doc:"The values that detail mentions, by name."`
	Fix       string            `json:"fix,omitempty" doc:"What would be right, if detail does not say it."`
}

// Error is the code and the detail, followed by the wrong places.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(p.Status))
	b.WriteByte(' ')
	b.WriteString(p.Code)
	b.WriteString(": ")
	b.WriteString(p.Detail)
	for _, e := range p.Errors {
		where := e.Parameter
		if e.Pointer != nil {
			where = *e.Pointer
		}
		if e.Line > 0 {
			where = fmt.Sprintf("line %d, column %d", e.Line, e.Column)
		}
		if e.Detail != p.Detail {
			b.WriteString(" (" + where + ": " + e.Detail + ")")
		}
	}
	return b.String()
}

func readProblem(res *http.Response, body []byte) *Problem {
	p := &Problem{}
	if err := json.Unmarshal(body, p); err != nil || p.Code == "" { // the answer is not from Gancho, but perhaps from a proxy
		*p = Problem{Detail: "The server did not explain itself."}
	}
	p.Status = res.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(res.StatusCode)
	}
	if p.Code == "" {
		p.Code = "http_" + strconv.Itoa(res.StatusCode)
	}
	if v := res.Header.Get("Retry-After"); v != "" {
		if n, err := strconv.Atoi(v); err == nil && n > 0 {
			p.RetryAfter = time.Duration(n) * time.Second
		}
	}
	return p
}
