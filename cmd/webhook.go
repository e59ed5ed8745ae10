package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/webhook"
)

func webhookCommand() *cobra.Command {
	var f callerFlags
	var since, endpoint string
	c := &cobra.Command{
		Use:   "webhook",
		Short: "List, test, pause and recover webhook endpoints",
		Long: `Manage a client's webhooks over the API, with a key of the client that has the
scope webhooks:write.

An endpoint that has only failed for days is disabled. Fix and test it, then
recover it: the events that it missed are sent.`,
		Example: `  yanzhen webhook list
  yanzhen webhook test main
  yanzhen webhook recover main --since 2026-11-23T00:00:00Z
  yanzhen webhook redeliver evt_… --endpoint main
  yanzhen webhook secret`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	resume := webhookSub(&f, "resume ID", "Switch an endpoint on, and send what was held back", (*caller).resumeEndpoint)
	recoverAll := webhookSub(&f, "recover ID", "Switch an endpoint on, and send all that it missed since a time",
		func(c *caller, ctx context.Context, id string, out io.Writer) error {
			return c.recoverEndpoint(ctx, id, since, out)
		})
	recoverAll.Flags().StringVar(&since, "since", "", "the time from which to send events, such as 2026-11-23T00:00:00Z or 120h (default: 30 days)")
	redeliver := webhookSub(&f, "redeliver EVENT", "Send an event again",
		func(c *caller, ctx context.Context, id string, out io.Writer) error {
			return c.redeliver(ctx, id, endpoint, out)
		})
	redeliver.Flags().StringVar(&endpoint, "endpoint", "", "only to this endpoint (default: all that subscribe to it)")
	list := webhookSub(&f, "list", "List the endpoints and the newest deliveries", (*caller).listWebhooks)
	list.Args = noArgs
	c.AddCommand(list, webhookSub(&f, "test ID", "Send a test to an endpoint, and wait for what comes of it", (*caller).testEndpoint),
		redeliver, recoverAll, webhookSub(&f, "pause ID", "Hold an endpoint's events back", (*caller).pauseEndpoint), resume, webhookSecretCommand(), webhookConformCommand())
	return c
}

// webhookSub is a subcommand that asks the API about one thing, or about none.
func webhookSub(f *callerFlags, use, short string, do func(*caller, context.Context, string, io.Writer) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != 1 {
				return exit(exitUsage, "give one id")
			}
			return nil
		},
		RunE: func(c *cobra.Command, given []string) error {
			caller, err := f.caller()
			if err != nil {
				return err
			}
			return do(caller, c.Context(), append(given, "")[0], c.OutOrStdout())
		},
	}
	f.register(c)
	return c
}

func webhookSecretCommand() *cobra.Command {
	return &cobra.Command{
		Use: "secret", Short: "Create a secret for an endpoint", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), webhook.NewSecret())
			return err
		},
	}
}

func (c *caller) listWebhooks(ctx context.Context, _ string, out io.Writer) error {
	r, err := c.core.ListWebhookEndpointsWithResponse(ctx)
	if err != nil {
		return c.unreachable(err)
	}
	if r.JSON200 == nil {
		return refusal(r.StatusCode(), r.ApplicationproblemJSONDefault)
	}
	if len(r.JSON200.WebhookEndpoints) == 0 {
		fmt.Fprintln(out, "The client has no webhooks.")
		return nil
	}
	for _, e := range r.JSON200.WebhookEndpoints {
		printEndpoint(out, e)
	}
	log, err := c.core.ListDeliveriesWithResponse(ctx, &client.ListDeliveriesParams{})
	if err != nil {
		return c.unreachable(err)
	}
	if log.JSON200 == nil {
		return refusal(log.StatusCode(), log.ApplicationproblemJSONDefault)
	}
	for _, d := range log.JSON200.Deliveries {
		printDelivery(out, d)
	}
	return nil
}

func printEndpoint(out io.Writer, e client.WebhookEndpoint) {
	fmt.Fprintf(out, "%s  %s  %s", e.Id, e.Origin, e.State)
	if e.Reason != nil {
		fmt.Fprintf(out, " (%s)", *e.Reason)
	}
	if e.FailingSince != nil {
		fmt.Fprintf(out, ", failing since %s", e.FailingSince.Local().Format(time.DateTime))
	}
	fmt.Fprintln(out)
}

func printDelivery(out io.Writer, d client.Delivery) {
	fmt.Fprintf(out, "  %s  %s  %s to %s: %s", d.CreatedAt.Local().Format(time.DateTime), d.EventId, d.EventType, d.Endpoint, d.State)
	if d.LastClass != nil {
		fmt.Fprintf(out, ", attempt %d: %s", d.Attempts, *d.LastClass)
	}
	if d.NextAttemptAt != nil {
		fmt.Fprintf(out, ", next %s", d.NextAttemptAt.Local().Format(time.DateTime))
	}
	fmt.Fprintln(out)
}

// testWithin is how long a test's end is waited for: longer than one attempt may
// take.
const testWithin = 30 * time.Second

func (c *caller) testEndpoint(ctx context.Context, id string, out io.Writer) error {
	r, err := c.core.TestWebhookEndpointWithResponse(ctx, id)
	if err != nil {
		return c.unreachable(err)
	}
	if r.JSON202 == nil {
		return refusal(r.StatusCode(), r.ApplicationproblemJSONDefault)
	}
	event := r.JSON202.EventId
	for until := time.Now().Add(testWithin); time.Now().Before(until); sleep(ctx, 300*time.Millisecond) {
		log, err := c.core.ListDeliveriesWithResponse(ctx, &client.ListDeliveriesParams{EventId: &event})
		if err != nil {
			return c.unreachable(err)
		}
		if log.JSON200 == nil {
			return refusal(log.StatusCode(), log.ApplicationproblemJSONDefault)
		}
		if d := log.JSON200.Deliveries; len(d) == 1 && d[0].LastClass != nil {
			printDelivery(out, d[0])
			if d[0].State != client.DeliveryStateDelivered {
				return exit(exitRefused, "the endpoint did not accept it: %s", *d[0].LastClass)
			}
			return nil
		}
	}
	return exit(exitTooLong, "no result within %s: is a worker running?", testWithin)
}

func (c *caller) redeliver(ctx context.Context, event, endpoint string, out io.Writer) error {
	r, err := c.core.RedeliverEventWithResponse(ctx, event, client.RedeliverRequest{Endpoint: orNil(endpoint)})
	if err != nil {
		return c.unreachable(err)
	}
	if r.JSON202 == nil {
		return refusal(r.StatusCode(), r.ApplicationproblemJSONDefault)
	}
	for _, d := range r.JSON202.Deliveries {
		printDelivery(out, d)
	}
	return nil
}

func (c *caller) pauseEndpoint(ctx context.Context, id string, out io.Writer) error {
	r, err := c.core.PauseWebhookEndpointWithResponse(ctx, id)
	if err != nil {
		return c.unreachable(err)
	}
	if r.JSON200 == nil {
		return refusal(r.StatusCode(), r.ApplicationproblemJSONDefault)
	}
	printEndpoint(out, *r.JSON200)
	return nil
}

func (c *caller) resumeEndpoint(ctx context.Context, id string, out io.Writer) error {
	r, err := c.core.ResumeWebhookEndpointWithResponse(ctx, id)
	if err != nil {
		return c.unreachable(err)
	}
	return printResumed(out, r.HTTPResponse, r.JSON200, r.ApplicationproblemJSONDefault)
}

func (c *caller) recoverEndpoint(ctx context.Context, id, since string, out io.Writer) error {
	from, err := parseSince(since, time.Now())
	if err != nil {
		return exit(exitUsage, "--since: %w", err)
	}
	r, err := c.core.RecoverWebhookEndpointWithResponse(ctx, id, client.RecoverRequest{Since: from})
	if err != nil {
		return c.unreachable(err)
	}
	return printResumed(out, r.HTTPResponse, r.JSON200, r.ApplicationproblemJSONDefault)
}

func printResumed(out io.Writer, res *http.Response, done *client.Resumed, p *client.Problem) error {
	if done == nil {
		return refusal(res.StatusCode, p)
	}
	printEndpoint(out, done.WebhookEndpoint)
	fmt.Fprintf(out, "%d deliveries are on their way.\n", done.Deliveries)
	return nil
}

// parseSince reads a time, or how long ago it was; empty: 30 days.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.Add(-30 * 24 * time.Hour), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errors.New("write a time with its offset, such as 2026-11-23T00:00:00Z, or a duration such as 120h")
	}
	return at, nil
}
