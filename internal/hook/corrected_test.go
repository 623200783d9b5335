package hook_test

import (
	"testing"
	"time"

	"gancho/internal/hook"
)

func TestCorrected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*hook.Endpoint)
		want bool
	}{
		"nothing":     {func(*hook.Endpoint) {}, false},
		"name":        {func(e *hook.Endpoint) { e.Name = "b" }, false},
		"state":       {func(e *hook.Endpoint) { e.State = hook.EndpointPaused }, false},
		"event types": {func(e *hook.Endpoint) { e.Config.EventTypes = []string{"a"} }, false},
		"filter":      {func(e *hook.Endpoint) { e.Config.Filter = "true" }, false},
		"retry":       {func(e *hook.Endpoint) { e.Config.Retry = []time.Duration{0} }, false},
		"rate":        {func(e *hook.Endpoint) { e.Config.PerSecond = 1 }, false},
		"old secret":  {func(e *hook.Endpoint) { e.Secrets = e.Secrets[:1] }, false},
		"secret ends": {func(e *hook.Endpoint) {
			e.Secrets = []hook.Secret{e.Secrets[0], {Text: "whsec_1", ExpiresAt: time.Now()}}
		}, false},
		"URL":           {func(e *hook.Endpoint) { e.Config.URL = "http://a.example/y" }, true},
		"method":        {func(e *hook.Endpoint) { e.Config.Method = "PUT" }, true},
		"headers":       {func(e *hook.Endpoint) { e.Config.Headers = []hook.Header{{Name: "A", Value: "2"}} }, true},
		"settings":      {func(e *hook.Endpoint) { e.Config.Settings = []byte(`{"token":"b"}`) }, true},
		"script":        {func(e *hook.Endpoint) { e.Config.Transformation = "x" }, true},
		"timeout":       {func(e *hook.Endpoint) { e.Config.Timeout = time.Minute }, true},
		"credential":    {func(e *hook.Endpoint) { e.Config.Credential = &hook.Identity{ID: "c", APIKey: "k2"} }, true},
		"without":       {func(e *hook.Endpoint) { e.Config.Credential = nil }, true},
		"password":      {func(e *hook.Endpoint) { e.Config.Auth = &hook.Auth{Basic: &hook.BasicAuth{User: "a", Password: "2"}} }, true},
		"same password": {func(e *hook.Endpoint) { e.Config.Auth = e.Config.Auth.Clone() }, false},
		"token":         {func(e *hook.Endpoint) { e.Config.Auth = &hook.Auth{Bearer: "t"} }, true},
		"no password":   {func(e *hook.Endpoint) { e.Config.Auth = nil }, true},
		"certificate":   {func(e *hook.Endpoint) { e.Config.TLS = &hook.TLS{Certificate: "c", Key: "k2", CA: "a"} }, true},
		"authority":     {func(e *hook.Endpoint) { e.Config.TLS = &hook.TLS{Certificate: "c", Key: "k", CA: "b"} }, true},
		"same identity": {func(e *hook.Endpoint) { e.Config.TLS = new(*e.Config.TLS) }, false},
		"new secret":    {func(e *hook.Endpoint) { e.Secrets = append([]hook.Secret{{Text: "whsec_3"}}, e.Secrets...) }, true},
		"replaced":      {func(e *hook.Endpoint) { e.Secrets = []hook.Secret{{Text: "whsec_3"}} }, true},
	} {
		was := hook.Endpoint{
			Name: "a", Secrets: []hook.Secret{{Text: "whsec_2"}, {Text: "whsec_1"}},
			Config: hook.EndpointConfig{
				URL: "http://a.example/x", Headers: []hook.Header{{Name: "A", Value: "1"}}, Settings: []byte(`{"token":"a"}`),
				Credential: &hook.Identity{ID: "c", APIKey: "k1"},
				Auth:       &hook.Auth{Basic: &hook.BasicAuth{User: "a", Password: "1"}}, TLS: &hook.TLS{Certificate: "c", Key: "k", CA: "a"},
			},
		}
		now := was
		c.edit(&now)
		if got := hook.Corrected(&was, &now); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
