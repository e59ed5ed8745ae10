package cmd

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

const (
	defaultPublicURL = "http://127.0.0.1:8080"
	defaultReturnURL = "https://shop.example/"
)

// initOptions are the flags of init.
type initOptions struct {
	dir, client, publicURL, returnURL, vendors string
}

func initCommand() *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use:   "init",
		Short: "Create the files that docker-compose.yml needs, with fresh secrets",
		Long: `Create .env, config/keys.json, config/yanzhen.env and config/yanzhen.yaml with fresh
random secrets, a first client and a first reviewer, whose API keys are shown
once. Existing files are never overwritten.

With --vendors sandbox the stack uses stand-in vendors; with --vendors real, fill
in the vendors' credentials.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runInit(o, c.OutOrStdout()) },
	}
	c.Flags().StringVar(&o.dir, "dir", ".", "the folder with docker-compose.yml")
	c.Flags().StringVar(&o.client, "client", "shop", "the first client's id")
	c.Flags().StringVar(&o.publicURL, "public-url", defaultPublicURL, "the API's address as browsers and vendors reach it")
	c.Flags().StringVar(&o.returnURL, "return-url", defaultReturnURL, "the URL to which the first client may return browsers")
	c.Flags().StringVar(&o.vendors, "vendors", "sandbox", "sandbox or real")
	return c
}

//go:embed *.tmpl
var initTexts embed.FS

var initTemplates = template.Must(template.ParseFS(initTexts, "*.tmpl"))

// imageUser is the user of the image (USER in the Dockerfile).
const imageUser = 65532

// runInit makes everything in memory, checks it as a start would, and only then
// writes.
func runInit(o initOptions, out io.Writer) error {
	if o.vendors != "sandbox" && o.vendors != "real" {
		return exit(exitUsage, "--vendors %q: want sandbox or real", o.vendors)
	}
	folder := filepath.Join(o.dir, "config")
	set, err := sealing.Generate()
	if err != nil {
		return err
	}
	key, hash := api.NewKey()
	reviewerKey, reviewerHash := api.NewKey()
	uid, gid := owner()
	values := map[string]any{
		"Postgres": randomHex(), "Temporal": randomHex(), "Store": randomHex(), "Grafana": randomHex(), "RunAs": fmt.Sprintf("%d:%d", uid, gid),
		"PublicURL": strings.TrimRight(o.publicURL, "/"), "APIPort": publishedPort(o.publicURL),
		"Client": o.client, "KeyHash": hash, "ReviewerHash": reviewerHash, "ReturnURL": o.returnURL,
	}
	var files []initFile
	add := func(folder, name string, text []byte, mode os.FileMode) {
		files = append(files, initFile{filepath.Join(folder, name), text, mode})
	}
	add(folder, "keys.json", set, 0o600)
	if o.vendors == "sandbox" {
		values["StandIns"], values["StateKey"] = sandbox.Settings("127.0.0.1:8090", "/etc/yanzhen/"+chipKeysFile), randomHex()
		ours, theirs := sandbox.NewChipKeys()
		add(folder, chipKeysFile, ours, 0o600)
		add(folder, chipPublicKeysFile, theirs, 0o644) // the stand-ins' container runs as somebody else
	}
	add(folder, "yanzhen.yaml", render("catalogue.tmpl", values), 0o600)
	add(folder, "yanzhen.env", render("settings.tmpl", values), 0o600)
	add(o.dir, ".env", render("env.tmpl", values), 0o600)
	if err := checkFirstClient(o); err != nil {
		return err
	}
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			return fmt.Errorf("%s already exists and is not overwritten: without its secrets the databases cannot be opened or read", f.path)
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := writeInit(folder, uid, gid, files); err != nil {
		return err
	}
	printNextSteps(out, o, key, reviewerKey)
	return nil
}

// initFile is a file to be written.
type initFile struct {
	path string
	text []byte
	mode os.FileMode
}

// checkFirstClient finds faults in the flags before anything is written.
func checkFirstClient(o initOptions) error {
	if err := checkClient(o.client, o.returnURL); err != nil {
		return exit(exitUsage, "--client or --return-url: %w", err)
	}
	if _, err := load([]string{"YANZHEN_PUBLIC_URL=" + o.publicURL}, config.Needs{}); err != nil {
		return exit(exitUsage, "--public-url: %w", err)
	}
	if u, err := url.Parse(o.publicURL); err == nil && settings.Loopback(u.Hostname()) && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" {
		return exit(exitUsage, "--public-url: of this machine's own addresses the API is published on 127.0.0.1 only: name that, or localhost")
	}
	return nil
}

// publishedPort is where compose publishes the API: the port of an http address of
// this machine, since nothing stands between; else the usual one, behind a server
// that speaks TLS.
func publishedPort(publicURL string) string {
	u, err := url.Parse(publicURL)
	switch {
	case err != nil || u.Scheme != "http":
		return "8080"
	case u.Port() == "":
		return "80"
	}
	return u.Port()
}

// checkClient refuses what a start would refuse of a client in a catalogue.
func checkClient(id string, returnURLs ...string) error {
	_, hash := api.NewKey()
	list := []config.Client{{ID: id, ReturnURLs: returnURLs, Keys: []config.Key{{Name: "first", Hash: hash, Scopes: []string{api.ScopeRead}}}}}
	return errors.Join(errors.Join(config.CheckClients(list)...), checkAccess(list, nil))
}

// owner is who must own the keys so that the containers can read them and
// nobody else: the image's user where root may give files away, else whoever
// runs this, and then the containers run as them.
func owner() (uid, gid int) {
	if os.Getuid() == 0 {
		return imageUser, imageUser
	}
	return os.Getuid(), os.Getgid()
}

// writeInit writes all files or, if one fails, takes back those it wrote. What
// lies in folder is given to the owner; .env is for whoever runs compose.
func writeInit(folder string, uid, gid int, files []initFile) (err error) {
	var written []string
	defer func() {
		if err != nil {
			for _, path := range written {
				_ = os.Remove(path)
			}
		}
	}()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("%w: run it as who owns the folder (in Docker: --user \"$(id -u):$(id -g)\")", err)
	}
	give := []string{folder}
	for _, f := range files {
		if err := writeNew(f); err != nil {
			return err
		}
		written = append(written, f.path)
		if filepath.Dir(f.path) == folder {
			give = append(give, f.path)
		}
	}
	if os.Getuid() != 0 {
		return nil
	}
	for _, path := range give {
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file that must not be there.
func writeNew(file initFile) error {
	f, err := os.OpenFile(file.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(file.text)
	return errors.Join(err, f.Chmod(file.mode), f.Sync(), f.Close()) // whatever the umask
}

func render(name string, values any) []byte {
	var b bytes.Buffer
	if err := initTemplates.ExecuteTemplate(&b, name, values); err != nil {
		panic(err) // a test renders all
	}
	return b.Bytes()
}

// randomHex is 128 random bits. Hex, because other characters would have to be
// escaped in a database's URL.
func randomHex() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}

// printNextSteps prints what was created, the keys, and what to do next.
func printNextSteps(out io.Writer, o initOptions, key, reviewerKey string) {
	fmt.Fprintf(out, `Written in %s: .env (the databases' passwords, ports) and config/ with keys.json (what
seals the store: keep a copy where the store's backups are not), yanzhen.env (the
vendors) and yanzhen.yaml (clients, policies).

Shown this once:
  the client %q starts and reads verifications with the key  %s
  the reviewer "first-reviewer" decides what waits for a human with  %s

`, o.dir, o.client, key, reviewerKey)
	if o.vendors == "sandbox" {
		fmt.Fprint(out, `The vendors are stand-ins: nothing that they say is true. Next:
  docker compose --profile sandbox up -d --build --wait
For the real ones replace the block at the end of config/yanzhen.env as it says there,
and delete the one of .env.
`)
		return
	}
	fmt.Fprint(out, `Fill in at the end of config/yanzhen.env: YANZHEN_TENCENT_SECRET_ID,
YANZHEN_TENCENT_SECRET_KEY and YANZHEN_TENCENT_MERCHANT_ID (E证通), YANZHEN_ACEDATA_TOKEN.
`)
	if o.publicURL == defaultPublicURL {
		fmt.Fprint(out, `Set there, too: YANZHEN_PUBLIC_URL, the https address at which browsers and vendors reach
the API; at this machine's own they do not.
`)
	}
	if o.returnURL == defaultReturnURL {
		fmt.Fprintf(out, "Set in config/yanzhen.yaml where %q may send a browser (return_urls).\n", o.client)
	}
	fmt.Fprint(out, `Next:
  docker compose up -d --build --wait
`)
}
