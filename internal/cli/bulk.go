package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"gancho.example/client"
	"gancho/internal/app"
)

// bulkCmd are the commands about bulk actions.
type bulkCmd struct {
	Start   bulkStartCmd   `cmd:"" help:"Send many deliveries again, or cancel what waits."`
	Preview bulkPreviewCmd `cmd:"" help:"Count what start would do, without doing it."`
	Recover bulkRecoverCmd `cmd:"" help:"Send again what endpoints missed, also events that they have no delivery of."`
	List    bulkListCmd    `cmd:"" help:"List the bulk actions of a tenant, newest first."`
	Show    bulkShowCmd    `cmd:"" help:"Show how far a bulk action is, or how it ended."`
	Stop    bulkStopCmd    `cmd:"" help:"Stop a bulk action. What it has changed stays so."`
}

// anyRemote is [remote] for commands that a tenant's own key can do.
type anyRemote struct {
	Server string     `name:"server" env:"GANCHO_SERVER" default:"http://127.0.0.1:8480" placeholder:"URL" help:"Address of the server."`
	Key    app.Secret `name:"key" env:"GANCHO_KEY" required:"" placeholder:"KEY" help:"Key of role operator or tenant. Prefer the environment variable: other users can see the command line."`
	Tenant string     `arg:"" help:"Id of the tenant."`
}

func (r anyRemote) client() *client.Client { return client.New(r.Server, string(r.Key)) }

// bulkWhat says which deliveries, as the filters of the list do.
type bulkWhat struct {
	anyRemote
	Action    string   `arg:"" enum:"retry,cancel" help:"retry sends them again, cancel takes back what waits."`
	Delivery  []string `name:"delivery" placeholder:"ID" help:"These deliveries, at most 1000."`
	Endpoint  []string `name:"endpoint" placeholder:"ID" help:"Only to these endpoints."`
	Contract  []string `name:"contract" placeholder:"NAME" help:"Only to endpoints of these contracts."`
	Type      []string `name:"type" placeholder:"TYPE" help:"Only of these event types."`
	State     []string `name:"state" placeholder:"STATE" help:"Only in these states: pending, sending, retrying, delivered, failed, unknown, cancelled. Without it, retry is about failed, unknown, cancelled and retrying ones."`
	Event     string   `name:"event" placeholder:"ID" help:"Only of this event."`
	Since     string   `name:"since" placeholder:"TIME" help:"Only of events made then or later: 2026-11-21T00:00:00Z, or a length of time ago, such as 24h or 7d."`
	Until     string   `name:"until" placeholder:"TIME" help:"Only of events made before then."`
	Ended     bool     `name:"ended" help:"--since and --until are about when deliveries ended."`
	SkipTests bool     `name:"skip-tests" help:"Leave out tests of endpoints."`
	Contains  string   `name:"contains" placeholder:"TEXT" help:"Only of events whose payload has this text. - reads it from standard input, so that no history of commands keeps it."`
	Reveal    bool     `name:"reveal" help:"Search what the contract calls sensitive, too; the audit notes it."`
}

func (w *bulkWhat) input(now time.Time) (in client.BulkInput, err error) {
	in = client.BulkInput{
		Action: w.Action, Deliveries: w.Delivery, Endpoints: w.Endpoint, Contracts: w.Contract, Types: w.Type, States: w.State,
		Event: w.Event, Contains: w.Contains, Reveal: w.Reveal,
	}
	if in.Since, err = moment("--since", w.Since, now); err != nil {
		return in, err
	}
	if in.Until, err = moment("--until", w.Until, now); err != nil {
		return in, err
	}
	if w.Ended {
		in.By = "ended"
	}
	if w.SkipTests {
		in.Tests = new(false)
	}
	if w.Contains == "-" {
		text, err := io.ReadAll(io.LimitReader(os.Stdin, 4<<10))
		if err != nil {
			return in, err
		}
		if in.Contains = strings.TrimRight(string(text), "\r\n"); in.Contains == "" {
			return in, usageError{fmt.Errorf("--contains -: there is nothing on standard input; a text to search for is needed")}
		}
	}
	return in, nil
}

// moment reads a time, or a length of time before now; nil: none was given.
func moment(flag, text string, now time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return &at, nil
	}
	ago, err := app.ParseDuration(text)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %q is no time; write one such as 2026-11-21T00:00:00Z, or a length of time ago, such as 24h or 7d", flag, text)}
	}
	return new(now.Add(-ago).UTC()), nil
}

type bulkPreviewCmd struct{ bulkWhat }

func (c *bulkPreviewCmd) Help() string {
	return `It counts for about two seconds, and says so if there are more.

Example:

    GANCHO_KEY=... gancho bulk preview acme cancel --endpoint ep_06ew2c5e8m4b900000000000g0`
}

// Run counts.
func (c *bulkPreviewCmd) Run(ctx context.Context, out console) error {
	in, err := c.input(time.Now())
	if err != nil {
		return err
	}
	p, err := c.client().PreviewBulk(ctx, c.Tenant, in)
	if err != nil {
		return err
	}
	atLeast := ""
	if p.AtLeast {
		atLeast = "at least "
	}
	fmt.Fprintf(out.stdout, "%s%d would be %s.\n", atLeast, p.Changed, bulkDone(c.Action))
	if p.Final > 0 {
		fmt.Fprintf(out.stdout, "%8d of them are sent at most once, so they could not be sent again later\n", p.Final)
	}
	printLeft(out, p.Left)
	return nil
}

func bulkDone(action string) string {
	if action == "cancel" {
		return "cancelled"
	}
	return "sent again"
}

// printLeft prints how many stay as they are, by the reason.
func printLeft(out console, left map[string]int64) {
	for _, why := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(out.stdout, "%8d stay as they are: %s\n", left[why], why)
	}
}

func printBulk(out console, b *client.BulkAction) {
	state, total := b.State, ""
	if b.Reason != "" {
		state += " (" + b.Reason + ")"
	}
	if b.Total != nil {
		total = fmt.Sprintf(" of %d", *b.Total)
	}
	fmt.Fprintf(out.stdout, "%s  %s  %s  %s: %d%s\n", b.ID, b.CreatedAt.Format(time.RFC3339), state, bulkDone(b.Action), b.Changed, total)
}

type bulkStartCmd struct {
	bulkWhat
	Wait bool `name:"wait" help:"Wait until it has ended. To interrupt this command does not stop the bulk action."`
}

func (c *bulkStartCmd) Help() string {
	return `It goes on in the background, also after a restart of the server. What is made after it began is not touched. Count first, with preview.

Examples:

    GANCHO_KEY=... gancho bulk start acme retry --state failed --since 24h --wait
    GANCHO_KEY=... gancho bulk start acme cancel --endpoint ep_06ew2c5e8m4b900000000000g0`
}

// Run begins a bulk action, and prints it.
func (c *bulkStartCmd) Run(ctx context.Context, out console) error {
	in, err := c.input(time.Now())
	if err != nil {
		return err
	}
	b, err := c.client().StartBulk(ctx, c.Tenant, in)
	if err != nil {
		return err
	}
	printBulk(out, b)
	for c.Wait && b.State == "running" {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		if b, err = c.client().Bulk(ctx, c.Tenant, b.ID); err != nil {
			return err
		}
		printBulk(out, b)
	}
	printLeft(out, b.Left)
	return nil
}

type bulkListCmd struct {
	anyRemote
	Limit int `name:"limit" default:"20" help:"How many, at most 200."`
}

// Run lists.
func (c *bulkListCmd) Run(ctx context.Context, out console) error {
	list, err := c.client().Bulks(ctx, c.Tenant, client.Paging{Limit: c.Limit})
	if err != nil {
		return err
	}
	for i := range list.Items {
		printBulk(out, &list.Items[i])
	}
	return nil
}

// oneBulk names a bulk action.
type oneBulk struct {
	anyRemote
	ID string `arg:"" help:"Id of the bulk action."`
}

type bulkShowCmd struct{ oneBulk }

// Run shows one.
func (c *bulkShowCmd) Run(ctx context.Context, out console) error {
	b, err := c.client().Bulk(ctx, c.Tenant, c.ID)
	if err != nil {
		return err
	}
	printBulk(out, b)
	printLeft(out, b.Left)
	return nil
}

type bulkStopCmd struct{ oneBulk }

// Run stops one.
func (c *bulkStopCmd) Run(ctx context.Context, out console) error {
	b, err := c.client().StopBulk(ctx, c.Tenant, c.ID)
	if err != nil {
		return err
	}
	printBulk(out, b)
	return nil
}

type bulkRecoverCmd struct {
	anyRemote
	Endpoint []string `name:"endpoint" placeholder:"ID" help:"Only these endpoints. Without it: all of the tenant that are not disabled and may be sent to again."`
	Since    string   `name:"since" required:"" placeholder:"TIME" help:"Events made then or later: 2026-11-21T00:00:00Z, or a length of time ago, such as 24h or 7d."`
	Until    string   `name:"until" placeholder:"TIME" help:"Events made before then. Without it, until now."`
	State    []string `name:"state" placeholder:"STATE" help:"failed, cancelled, delivered, or missing: events that an endpoint takes and has no delivery of. Without it: failed, cancelled and missing."`
	Preview  bool     `name:"preview" help:"Only count."`
}

func (c *bulkRecoverCmd) Help() string {
	return `Other bulk actions are about deliveries that there are. This one goes through events, endpoint by endpoint, and also makes the deliveries that are missing, because an endpoint was disabled or did not exist. It goes on in the background.

Example:

    GANCHO_KEY=... gancho bulk recover acme --since 24h --preview`
}

// Run recovers, or counts, for each endpoint.
func (c *bulkRecoverCmd) Run(ctx context.Context, out console) error {
	now := time.Now()
	since, err := moment("--since", c.Since, now)
	if err != nil {
		return err
	}
	in := client.RecoveryInput{Since: *since, States: c.State}
	if in.Until, err = moment("--until", c.Until, now); err != nil {
		return err
	}
	ids := c.Endpoint
	if len(ids) == 0 {
		if ids, err = c.recoverable(ctx); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if !c.Preview {
			r, err := c.client().Recover(ctx, c.Tenant, id, in)
			if err != nil {
				return fmt.Errorf("endpoint %s: %w", id, err)
			}
			fmt.Fprintf(out.stdout, "%s  %s  about %d events to look at\n", id, r.ID, r.Total)
			continue
		}
		p, err := c.client().PreviewRecovery(ctx, c.Tenant, id, in)
		if err != nil {
			return fmt.Errorf("endpoint %s: %w", id, err)
		}
		atLeast := ""
		if p.AtLeast {
			atLeast = "at least "
		}
		fmt.Fprintf(out.stdout, "%s  %s%d would be sent\n", id, atLeast, p.Deliveries)
	}
	return nil
}

// recoverable are the endpoints of the tenant to which something may be sent again.
func (c *bulkRecoverCmd) recoverable(ctx context.Context) (ids []string, err error) {
	for p := (client.Paging{Limit: 200}); ; {
		list, err := c.client().Endpoints(ctx, c.Tenant, p)
		if err != nil {
			return nil, err
		}
		for _, e := range list.Items {
			if e.State != "disabled" && e.Mode == "at_least_once" && !e.Unreadable {
				ids = append(ids, e.ID)
			}
		}
		if list.NextCursor == nil {
			return ids, nil
		}
		p.Cursor = *list.NextCursor
	}
}
