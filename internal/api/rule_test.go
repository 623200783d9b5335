package api_test

import (
	"strings"
	"testing"

	"gancho/internal/contract"
)

const failingRules = `contract: rules
title: {en: Rules}
events: {thing: {title: {en: Thing}, example: '{}'}}
delivery:
  stop_if: response.json.code > 1
  pause_if: response.json.code > 2
  retry_if: response.json.code > 3
`

// Who tests an endpoint is told which rules of the contract could not be applied to the answer, all of them, and so is who
// looks at the attempt afterwards.
func TestRulesThatFailAreShown(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, err := contract.Parse("rules.yaml", []byte(failingRules))
	if err != nil {
		t.Fatal(err)
	}
	s.contracts.Add(c.WithVersion(1))
	tenant := s.tenant("acme")
	for code, fails := range map[string]bool{`"four"`: true, `1`: false} {
		path, _ := s.endpoint(tenant, `{"contract":"rules","url":"`+answering(t, 200, `{"code":`+code+`}`)+`"}`)
		tested := s.do("POST", path+"/test", "").want(200)
		attempt := s.do("GET", tenant+"/deliveries/"+tested.str("delivery"), "").want(200)
		for what, found := range map[string]any{"the test": tested.get("rule_error"), "the attempt": attempt.get("attempt_list.0.rule_error")} {
			got, _ := found.(string) // left out if all rules could be applied
			for _, rule := range []string{"stop_if", "pause_if", "retry_if"} {
				if strings.Contains(got, "The rule "+rule+" of the contract could not be applied: ") != fails {
					t.Errorf("%s with %s, %s: %q", what, code, rule, got)
				}
			}
		}
		if tested.get("passed") != true {
			t.Errorf("%s: %s", code, tested.Body)
		}
	}
	path, _ := s.endpoint(tenant, `{"contract":"rules","url":"`+answering(t, 200, `{"code":3}`)+`"}`)
	if tested := s.do("POST", path+"/test", "").want(200); tested.str("rule") != "stop_if" {
		t.Errorf("a rule that decides: %s", tested.Body)
	}
}
