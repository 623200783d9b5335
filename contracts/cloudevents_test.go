package contracts_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// cloudEvent is what a receiver reads of an event, see section 3 of the HTTP binding of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Subject         string          `json:"-"`
	Data            json.RawMessage `json:"data"`
}

// read reads a request in any of the three modes, which the Content-Type tells apart.
func read(t *testing.T, r contract.Rendering) cloudEvent {
	t.Helper()
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[strings.ToLower(h.Name)] = h.Value
	}
	var e cloudEvent
	switch kind := headers["content-type"]; {
	case strings.HasPrefix(kind, "application/cloudevents-batch+json"):
		var list []cloudEvent
		if err := json.Unmarshal(r.Body, &list); err != nil || len(list) != 1 {
			t.Fatalf("%v, %d events", err, len(list))
		}
		e = list[0]
	case strings.HasPrefix(kind, "application/cloudevents+json"):
		if err := json.Unmarshal(r.Body, &e); err != nil {
			t.Fatal(err)
		}
	default:
		of := func(name string) string {
			for _, c := range []byte(headers["ce-"+name]) {
				if c <= ' ' || c >= 0x7f || c == '"' {
					t.Errorf("ce-%s has the byte %q", name, c)
				}
			}
			text, err := url.PathUnescape(headers["ce-"+name])
			if err != nil {
				t.Error(err)
			}
			return text
		}
		at, err := time.Parse(time.RFC3339, of("time"))
		if err != nil {
			t.Error(err)
		}
		e = cloudEvent{of("specversion"), of("id"), of("source"), of("type"), at, kind, of("subject"), r.Body}
	}
	return e
}

// The three modes say the same of an event.
func TestCloudEvents(t *testing.T) {
	t.Parallel()
	library := contract.NewLibrary(contracts.Library())
	const source, subject = `/é "50%" €/😀`, "a b%20c"
	settings, err := json.Marshal(map[string]string{"source": source})
	if err != nil {
		t.Fatal(err)
	}
	ev := &hook.Event{ID: hook.NewEventID(), Type: "com.example.paid", CreatedAt: time.UnixMilli(1_767_323_045_123).UTC(), Payload: []byte(`{"n":1.50,"t":"é"}`)}
	want := cloudEvent{"1.0", ev.ID.String(), source, ev.Type, ev.CreatedAt, "application/json", "", ev.Payload}
	for _, mode := range []string{"structured", "batched", "binary"} {
		c, _, err := library.Find("cloudevents-" + mode)
		if err != nil {
			t.Fatal(err)
		}
		cfg := hook.EndpointConfig{URL: "https://example.com/", Settings: settings}
		if mode == "binary" {
			want.Subject = subject
			cfg.Settings = append(settings[:len(settings)-1:len(settings)-1], `,"subject":"`+subject+`"}`...)
		}
		r, err := c.Render(cfg, ev)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, read(t, r)); d != "" {
			t.Errorf("%s: %s", mode, d)
		}
		if c.Scheme() == nil {
			t.Errorf("%s is not signed", mode)
		}
	}
}

// A message of Salesforce with 100 notifications is well-formed, whatever the names are.
func TestSalesforceOutbound(t *testing.T) {
	t.Parallel()
	c, _, err := contract.NewLibrary(contracts.Library()).Find("salesforce-outbound")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf(`{"id":"04l%d","object":{"id":"001%d","name":"<%d> & \"Co\"\u0001]]>"}}`, i, i, i))
	}
	ev := &hook.Event{ID: hook.NewEventID(), Type: "Account", Payload: []byte(`{"notifications":[` + strings.Join(list, ",") + `]}`)}
	r, err := c.Render(hook.EndpointConfig{URL: "https://example.com/", Settings: []byte(`{"organization":"00D<"}`)}, ev)
	if err != nil {
		t.Fatal(err)
	}
	var envelope struct {
		Notifications struct {
			Organization string `xml:"OrganizationId"`
			List         []struct {
				ID   string `xml:"Id"`
				Name string `xml:"sObject>Name"`
			} `xml:"Notification"`
		} `xml:"Body>notifications"`
	}
	if err := xml.Unmarshal(r.Body, &envelope); err != nil {
		t.Fatal(err)
	}
	n := envelope.Notifications
	if n.Organization != "00D<" || len(n.List) != 100 || n.List[99].ID != "04l99" || n.List[7].Name != "<7> & \"Co\"\ufffd]]>" {
		t.Errorf("%+v", n)
	}
}
