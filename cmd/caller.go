package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/internal/config"
)

// caller speaks with an API as an onboarding service does.
type caller struct {
	base    string
	sandbox string // the local stack's stand-in, if it is the local stack
	ui      string // the local stack's Temporal UI, likewise
	api     *client.Client
	core    *client.ClientWithResponses // what api has no method for
}

// callerFlags are those of every command that talks to an API.
type callerFlags struct{ api, key, data string }

func (f *callerFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.api, "api", "", `the API's address (default: YANZHEN_API, or that of the running "yanzhen dev")`)
	c.Flags().StringVar(&f.key, "key", "", `the API key (default: YANZHEN_API_KEY, or that of the running "yanzhen dev")`)
	c.Flags().StringVar(&f.data, "data", "", `the data folder of "yanzhen dev", if not the default`)
}

// caller takes address and key from the flags, else the environment, else the
// local stack's state file.
func (f callerFlags) caller() (*caller, error) {
	cfg, err := load(os.Environ(), config.Needs{})
	if err != nil {
		return nil, err
	}
	state, found := readState(dataDir(f.data))
	api, key := first(f.api, cfg.Caller.API), first(f.key, cfg.Caller.APIKey)
	local := found && (api == "" || strings.TrimRight(api, "/") == state.API)
	if local {
		api, key = state.API, first(key, state.APIKey)
	}
	switch {
	case api == "":
		return nil, exit(exitUsage, "no API to talk to: start `yanzhen dev` in another terminal (and name its --data here, if it has one), or set --api and --key")
	case key == "":
		return nil, exit(exitUsage, "no API key: set --key or YANZHEN_API_KEY")
	}
	c, err := newCaller(api, key)
	if err == nil && local {
		c.sandbox, c.ui = state.Sandbox, state.TemporalUI
	}
	return c, err
}

func newCaller(api, key string) (*caller, error) {
	base := strings.TrimRight(api, "/")
	c, err := client.New(base, key)
	if err != nil {
		return nil, exit(exitUsage, "the API's address: %w", err)
	}
	return &caller{base: base, api: c, core: &client.ClientWithResponses{ClientInterface: c.Core()}}, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// errBusy: the API could not answer now; the same call may work later.
var errBusy = errors.New("the API could not answer")

// failed puts the error of a call into words, with its exit code.
func (c *caller) failed(err error) error {
	if e, ok := errors.AsType[*client.Error](err); ok {
		if e.Code == client.CodeUnknown {
			return refusal(e.Status, nil)
		}
		return refusal(e.Status, &e.Problem)
	}
	return c.unreachable(err)
}

func (c *caller) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return exit(exitNoReply, "no answer from %s: %w: %w", c.base, errBusy, unwrapURL(err))
}

// unwrapURL drops the address from an error of net/http.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// refusal puts a problem document into words.
func refusal(status int, p *client.Problem) error {
	if p == nil {
		if status >= 500 {
			return exit(exitNoReply, "%w (HTTP %d)", errBusy, status)
		}
		return exit(exitRefused, "the API answered HTTP %d without a problem document", status)
	}
	text := fmt.Sprintf("%s (%s, HTTP %d)", p.Title, p.Code, status)
	if p.Detail != nil && *p.Detail != "" {
		text += ": " + *p.Detail
	}
	if p.Errors != nil {
		for _, e := range *p.Errors {
			text += fmt.Sprintf("\n  %s: %s (%s)", e.Field, e.Message, e.Code)
		}
	}
	if status >= 500 {
		return exit(exitNoReply, "%w: %s", errBusy, text)
	}
	return exit(exitRefused, "the API refused: %s", text)
}
