package cmd

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
)

func clientCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "client",
		Short: "Create API keys for clients, and list them",
		Long: `Create API keys for clients, and list them.

A key is shown once; the configuration contains only its hash. No file is
changed: the commands print what to add to the file of YANZHEN_CONFIG.`,
		Example: `  yanzhen client add shop --return-url https://shop.example/back
  yanzhen client rotate shop --key first
  yanzhen client list`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(clientAddCommand(), clientRotateCommand(), clientListCommand())
	return c
}

// newClient is what the flags of add say.
type newClient struct {
	client config.Client
	key    config.Key
	life   time.Duration
	test   bool
}

func clientAddCommand() *cobra.Command {
	n := newClient{key: config.Key{Name: "first"}}
	c := &cobra.Command{
		Use:   "add ID",
		Short: "Create a client and its first key",
		Args:  oneClient,
		RunE: func(c *cobra.Command, args []string) error {
			n.client.ID = args[0]
			return n.print(c.OutOrStdout(), time.Now())
		},
	}
	f := c.Flags()
	f.StringVar(&n.key.Name, "key", "first", "the key's name")
	f.StringSliceVar(&n.key.Scopes, "scope", []string{api.ScopeWrite, api.ScopeRead, api.ScopeEvents}, "what the key may do")
	f.StringSliceVar(&n.client.ReturnURLs, "return-url", nil, "a URL to which the client may return browsers; may be repeated")
	f.StringSliceVar(&n.client.Policies, "policy", nil, "a policy that the client may use; may be repeated (default: all)")
	f.StringSliceVar(&n.client.Purposes, "purpose", nil, "a purpose for which the client may read outputs; may be repeated")
	f.IntVar(&n.key.RateLimit, "rate-limit", 0, "requests per second, in each api process; 0: no limit")
	f.DurationVar(&n.life, "expires-in", 0, "how long the key is valid, such as 8760h; 0: no expiry")
	f.BoolVar(&n.test, "test", false, "create a key for an installation with stand-in vendors (yz_test_…)")
	return c
}

func (n newClient) print(out io.Writer, now time.Time) error {
	key := n.makeKey(now)
	if err := checkAccess([]config.Client{n.client}, nil); err != nil {
		return exit(exitUsage, "%w", err)
	}
	if faults := config.CheckClients([]config.Client{n.client}); len(faults) > 0 {
		return exit(exitUsage, "%w", faults[0])
	}
	text, err := yaml.Marshal([]config.Client{n.client})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The key, shown only now:\n\n  %s\n\nAdd under clients: in the file that YANZHEN_CONFIG names:\n\n%s", key, indented(text))
	return nil
}

// makeKey gives the client a fresh key.
func (n *newClient) makeKey(now time.Time) (key string) {
	key, n.key.Hash = api.NewKey()
	if n.test {
		key, n.key.Hash = api.NewTestKey()
	}
	if n.life > 0 {
		n.key.Expires.Time = now.Add(n.life).Truncate(time.Second)
	}
	n.client.Keys = append(n.client.Keys, n.key)
	return key
}

func clientRotateCommand() *cobra.Command {
	var name string
	var overlap time.Duration
	n := newClient{}
	c := &cobra.Command{
		Use:   "rotate ID",
		Short: "Create a key that replaces another one",
		Long: `Create a key with the scopes of the one that it replaces, and print the new list
of the client's keys. The old key is accepted until --overlap has passed.`,
		Args: oneClient,
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := load(os.Environ(), config.Needs{CheckAccess: checkAccess})
			if err != nil {
				return err
			}
			at := slices.IndexFunc(cfg.Clients, func(cl config.Client) bool { return cl.ID == args[0] })
			if at < 0 {
				return exit(exitUsage, "client %q is not in the configuration", args[0])
			}
			n.client = cfg.Clients[at]
			return n.rotate(c.OutOrStdout(), name, overlap, time.Now())
		},
	}
	c.Flags().StringVar(&name, "key", "", "the name of the key to replace; not needed if there is only one")
	c.Flags().DurationVar(&overlap, "overlap", 7*24*time.Hour, "how long the old key remains valid")
	c.Flags().DurationVar(&n.life, "expires-in", 0, "how long the new key is valid, such as 8760h; 0: no expiry")
	c.Flags().BoolVar(&n.test, "test", false, "create a key for an installation with stand-in vendors (yz_test_…)")
	return c
}

func (n newClient) rotate(out io.Writer, name string, overlap time.Duration, now time.Time) error {
	if name == "" && len(n.client.Keys) == 1 {
		name = n.client.Keys[0].Name
	}
	at := slices.IndexFunc(n.client.Keys, func(k config.Key) bool { return k.Name == name })
	if at < 0 {
		return exit(exitUsage, "client %q has no key %q: name one with --key", n.client.ID, name)
	}
	n.client.Keys = slices.Clone(n.client.Keys)
	old := &n.client.Keys[at]
	n.key = *old
	n.key.Name, n.key.Expires = nextName(old.Name, n.client.Keys), config.Expiry{}
	if end := now.Add(overlap).Truncate(time.Second); old.Expires.IsZero() || end.Before(old.Expires.Time) {
		old.Expires.Time = end
	}
	key := n.makeKey(now)
	if err := checkAccess([]config.Client{n.client}, nil); err != nil {
		return exit(exitUsage, "%w", err)
	}
	text, err := yaml.Marshal(map[string][]config.Key{"keys": n.client.Keys})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The key, shown only now:\n\n  %s\n\nReplace the keys of client %s by these; remove the old one once it is no longer used:\n\n%s", key, n.client.ID, indented(text))
	return nil
}

var numbered = regexp.MustCompile(`^(.*)-(\d{1,6})$`)

// nextName is first-2 after first, and first-3 after that.
func nextName(name string, taken []config.Key) string {
	stem, n := name, 1
	if m := numbered.FindStringSubmatch(name); m != nil {
		stem = m[1]
		n, _ = strconv.Atoi(m[2])
	}
	for {
		n++
		next := fmt.Sprintf("%s-%d", stem, n)
		if !slices.ContainsFunc(taken, func(k config.Key) bool { return k.Name == next }) {
			return next
		}
	}
}

func indented(text []byte) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(string(text), "\n"), "\n", "\n  ") + "\n"
}

func clientListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the clients of the configuration and the names of their keys",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(os.Environ(), config.Needs{CheckAccess: checkAccess})
			if err != nil {
				return err
			}
			listClients(c.OutOrStdout(), cfg, time.Now())
			return nil
		},
	}
}

func listClients(out io.Writer, cfg *config.Config, now time.Time) {
	if len(cfg.Clients) == 0 {
		fmt.Fprintln(out, "No clients are configured.")
	}
	for _, cl := range cfg.Clients {
		policies := "all policies"
		if len(cl.Policies) > 0 {
			policies = "policies " + strings.Join(cl.Policies, " ")
		}
		fmt.Fprintf(out, "%s  %s\n", cl.ID, policies)
		for _, k := range cl.Keys {
			fmt.Fprintf(out, "  %s  %s  %s%s\n", k.Name, strings.Join(k.Scopes, " "), api.KeyLife(k.Expires.Time, now), limitOf(k))
		}
	}
	for _, r := range cfg.Reviewers {
		fmt.Fprintf(out, "reviewer %s  of %s  %s\n", r.Name, strings.Join(r.Clients, " "), api.KeyLife(r.Expires.Time, now))
	}
}

func limitOf(k config.Key) string {
	if k.RateLimit == 0 {
		return ""
	}
	return fmt.Sprintf("  %d requests a second", k.RateLimit)
}

// oneClient takes a client's id as the only argument.
func oneClient(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return exit(exitUsage, "give the client's id")
	}
	return nil
}
