package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gancho/internal/app"
	"gancho/internal/inbox"
)

// inboxCmd runs the receiver for trying things.
type inboxCmd struct {
	Listen    string        `default:"127.0.0.1:8490" placeholder:"HOST:PORT" help:"Address to listen on."`
	Status    int           `default:"200" placeholder:"CODE" help:"Status to answer with."`
	Delay     time.Duration `default:"0s" placeholder:"TIME" help:"Wait this long before each answer."`
	FailFirst int           `default:"0" placeholder:"N" help:"Answer the first N requests with 503."`
	Secret    string        `placeholder:"SECRET" help:"Signing secret of the endpoint (whsec_…), or its public key (whpk_…): verify each signature and print the result."`
	Contract  string        `placeholder:"CONTRACT" help:"Verify signatures as this contract describes them, instead of as Standard Webhooks: a file, or a name of gancho contract library. Without --secret, the public key is fetched from where the contract says."`
	Setting   []string      `sep:"none" placeholder:"NAME=VALUE" help:"A setting that the contract's signature or the address of its keys names; repeat it for each."`
}

func (c *inboxCmd) Help() string {
	return `Every path and method is accepted. Deliveries to this machine are refused unless the server allows them: start it with --allow-networks 127.0.0.0/8.

Examples:

    gancho inbox
    gancho inbox --listen :9000 --status 503 --delay 2s
    gancho inbox --fail-first 3 --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    gancho inbox --contract shop.yaml --secret 8f742231b10e8888abcd99yyyzzz85a5
    gancho inbox --contract github --secret "It's a Secret to Everybody"
    gancho inbox --contract paypal --setting webhook_id=8PT597110X687430LKGECATA`
}

// check returns an error for the first flag with an impossible value.
func (c *inboxCmd) check() error {
	if c.Status < 100 || c.Status > 599 {
		return fmt.Errorf("--status %d is not an HTTP status; choose one from 100 to 599", c.Status)
	}
	if c.Delay < 0 {
		return fmt.Errorf("--delay %s is below zero; choose a length of time such as 2s", c.Delay)
	}
	if c.FailFirst < 0 {
		return fmt.Errorf("--fail-first %d is below zero; choose how many requests fail at first, such as 3", c.FailFirst)
	}
	for _, s := range c.Setting {
		if name, _, ok := strings.Cut(s, "="); !ok || name == "" || c.Contract == "" {
			return fmt.Errorf("--setting %s cannot be used; write NAME=VALUE, beside --contract", s)
		}
	}
	return nil
}

// settings are the given settings as a JSON object.
func (c *inboxCmd) settings() ([]byte, error) {
	all := map[string]string{}
	for _, s := range c.Setting {
		name, value, _ := strings.Cut(s, "=")
		all[name] = value
	}
	return json.Marshal(all)
}

// Run receives requests until a signal arrives.
func (c *inboxCmd) Run(ctx context.Context, out console) error {
	if err := c.check(); err != nil {
		return usageError{err}
	}
	o := inbox.Options{Status: c.Status, Delay: c.Delay, FailFirst: c.FailFirst, Secret: c.Secret, Out: out.stdout}
	if c.Contract != "" {
		loaded, err := findContract(c.Contract)
		if err != nil {
			return err
		}
		o.Scheme = loaded.Scheme()
		fetches := o.Scheme != nil && o.Scheme.FetchesKeys()
		if c.Secret == "" && !fetches {
			return usageError{errors.New("--contract says how to verify, and --secret with what; give both")}
		}
		if o.Scheme == nil {
			return fmt.Errorf("the contract %s does not sign its requests; leave out --contract", loaded.Name)
		}
		if o.Settings, err = c.settings(); err != nil {
			return err
		}
		if c.Secret == "" {
			keys, done := app.PublicKeys()
			defer done()
			o.Keys = keys
		}
	}
	return inbox.Run(ctx, c.Listen, o)
}
