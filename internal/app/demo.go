package app

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/goccy/go-yaml"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/inbox"
)

//go:embed demo.yaml
var demoFile []byte

// demo is the content of demo.yaml. Which webhook systems it shows is data, not code.
type demo struct {
	Tenant    struct{ ID, Name string }
	Endpoints []demoEndpoint
	Events    []struct{ Contract, Type string }
	Every     time.Duration
}

type demoEndpoint struct {
	Name       string
	Contract   string
	Settings   map[string]any
	EventTypes []string `yaml:"event_types"`
}

// inboxAddress is where the demo's receiver listens, if the port is free.
const inboxAddress = "127.0.0.1:8490"

// demo sets up a tenant with endpoints, starts a receiver for them and
// publishes an event every few seconds, all through the API, as a customer would.
func (s *server) demo(ctx context.Context, contracts *contract.Set) error {
	var d demo
	if err := yaml.UnmarshalWithOptions(demoFile, &d, yaml.Strict()); err != nil {
		return fmt.Errorf("demo.yaml: %w", err)
	}
	l, err := net.Listen("tcp", inboxAddress)
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("the demo's receiver cannot listen: %w", err)
		}
	}
	receiving, stopReceiving := context.WithCancel(ctx)
	defer stopReceiving()
	received := make(chan error, 1)
	go func() { received <- inbox.New(inbox.Options{Out: s.stdout}).Serve(receiving, l) }()

	c := client.New(s.url(), s.admin, client.WithRetries(5))
	err = d.setUp(ctx, c, "http://"+l.Addr().String()+"/hooks")
	if err == nil {
		s.welcome(d, l.Addr().String())
		s.publish(ctx, d, c, contracts)
	}
	if ctx.Err() != nil { // stopping: what failed, failed because of that
		err = nil
	}
	stopReceiving()
	return errors.Join(err, <-received)
}

// setUp creates the tenant and its endpoints. Endpoints of an earlier run get the
// address of this run's receiver.
func (d *demo) setUp(ctx context.Context, c *client.Client, url string) error {
	if _, err := c.PutTenant(ctx, d.Tenant.ID, client.TenantInput{Name: &d.Tenant.Name}); err != nil {
		return err
	}
	list, err := c.Endpoints(ctx, d.Tenant.ID, client.Paging{Limit: 200})
	if err != nil {
		return err
	}
	there := map[string]string{}
	for _, e := range list.Items {
		there[e.Name] = e.ID
	}
	for _, e := range d.Endpoints {
		if id, ok := there[e.Name]; ok {
			if _, err := c.PatchEndpoint(ctx, d.Tenant.ID, id, map[string]any{"url": url}); err != nil {
				return err
			}
			continue
		}
		in := client.EndpointInput{Name: e.Name, Contract: e.Contract, URL: url, EventTypes: e.EventTypes}
		if e.Settings != nil {
			if in.Settings, err = json.Marshal(e.Settings); err != nil {
				return err
			}
		}
		if _, err := c.CreateEndpoint(ctx, d.Tenant.ID, in); err != nil {
			return err
		}
	}
	return nil
}

// publish posts the demo's events, again and again until ctx ends. Failures, for example
// because somebody deleted the demo tenant, are logged and do not stop the server.
func (s *server) publish(ctx context.Context, d demo, c *client.Client, contracts *contract.Set) {
	tick := time.NewTicker(d.Every)
	defer tick.Stop()
	for {
		for _, e := range d.Events {
			_, err := c.PublishEvent(ctx, d.Tenant.ID, client.NewEvent{
				Contract: e.Contract, Type: e.Type, Payload: example(contracts, e.Contract, e.Type),
			})
			if err != nil && ctx.Err() == nil {
				s.log.Warn("the demo's event was not accepted", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// example is the contract's example payload of an event type.
func example(contracts *contract.Set, name, eventType string) json.RawMessage {
	if c, ok := contracts.Lookup(name); ok {
		for _, t := range c.EventTypes() {
			if t.Name == eventType && t.Example != nil {
				return t.Example
			}
		}
	}
	return json.RawMessage(`{}`)
}

// welcome prints what to type next.
func (s *server) welcome(d demo, receiver string) {
	fmt.Fprintf(s.stdout, `
Gancho is running, with a demo tenant %q whose endpoints are a receiver on this machine.

  Console    %[2]s
  Admin key  %[3]s

Open the console and sign in with that key, or try in another terminal:

  # what was delivered, newest first
  curl -s -H 'Authorization: Bearer %[3]s' '%[2]s/v1/tenants/%[1]s/deliveries?limit=3'

  # publish an event of your own
  curl -s -H 'Authorization: Bearer %[3]s' %[2]s/v1/tenants/%[1]s/events -d '{"type":"order.paid","payload":{"order":42}}'

  # what the receiver got
  curl -s 'http://%[4]s/requests'

Requests that arrive are printed here. Stop with Ctrl-C.

`, d.Tenant.ID, s.url(), s.admin, receiver)
}

// allowed are the private networks that deliveries may reach.
func (c *Config) allowed() []netip.Prefix {
	list := append([]netip.Prefix(nil), c.AllowNetworks...)
	if c.Demo {
		list = append(list, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	return list
}
