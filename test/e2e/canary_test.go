package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// canary is people who differ in the end of their number alone, and words that
// stand in every free field of theirs: whatever of them lies anywhere is found.
type canary struct {
	people sandbox.Person
	words  map[string]string

	mu    sync.Mutex
	count int
	// secrets are learnt on the way: tokens, links, tickets; pictures are faces and
	// portraits.
	secrets  map[string]string
	pictures map[string][]byte
}

func newCanary() *canary {
	c := &canary{words: map[string]string{}, secrets: map[string]string{}, pictures: map[string][]byte{},
		people: sandbox.FreshPerson(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))}
	// Of the 20,902 characters of the first Han block: no chance meeting.
	c.people.Name, c.people.Address = han(4), han(9)+"1号"
	for _, word := range []string{"reference", "metadata", "return", "key", "note", "query", "header", "file"} {
		c.words[word] = word + freshKey()[4:]
	}
	return c
}

func han(n int) string {
	name := make([]rune, n)
	for i := range name {
		name[i] = rune(0x4E00 + rand.IntN(20902))
	}
	return string(name)
}

// anyone is one more of the canary's people, whom the stand-ins know.
func (c *canary) anyone(s *stack, change func(*sandbox.Person)) sandbox.Person {
	s.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	p := c.people
	p.IDNumber = checked(fmt.Sprintf("%s%03d", p.IDNumber[:14], c.count))
	if change != nil {
		change(&p)
	}
	require.NoError(s.t, s.vendors.AddPerson(p))
	c.pictures[fmt.Sprintf("portrait %d", c.count)] = sandbox.Portrait(p)
	return p
}

func (c *canary) knows(what, secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets[fmt.Sprintf("%s %d", what, len(c.secrets))] = secret
}

func (c *canary) saw(what string, picture []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pictures[fmt.Sprintf("%s %d", what, len(c.pictures))] = picture
}

// asks is a start with every free field marked.
func (c *canary) asks(s *stack, p sandbox.Person, change map[string]any) map[string]any {
	out := with(s.request(p), "return_url", s.vendorsURL+"/shop/back?basket="+c.words["return"])
	out["client_reference_id"], out["metadata"] = c.words["reference"], map[string]string{"note": c.words["metadata"]}
	maps.Copy(out, change)
	for member, value := range out {
		if value == nil {
			delete(out, member)
		}
	}
	return out
}

// starts starts the person's verification and returns it.
func (c *canary) starts(s *stack, p sandbox.Person, change map[string]any) view {
	s.t.Helper()
	key := map[string]string{"Idempotency-Key": c.words["key"] + "-" + freshKey()}
	for tries := 6; ; tries-- {
		a := s.call("shop", "POST", "/v1/verifications", key, c.asks(s, p, change))
		if a.status != http.StatusServiceUnavailable || tries == 0 {
			require.Less(s.t, a.status, 300, "%s", a.body)
			return a.view
		}
	}
}

// opens starts it and learns what the vendor's session is opened by.
func (c *canary) opens(s *stack, p sandbox.Person, change map[string]any) view {
	s.t.Helper()
	v := s.untilLink(c.starts(s, p, change).ID, comesBack)
	c.knows("link", v.NextAction.URL)
	return v
}

// texts are those that stand for a person wherever they are: in an answer that
// repeats what a caller sent, too.
func (c *canary) texts() map[string]string {
	return map[string]string{"name": c.people.Name, "number": c.people.IDNumber[:14], "birth date": c.people.IDNumber[6:14], "address": c.people.Address}
}

// search finds the person, their pictures and all that is secret, as far as it may
// not stand where it is looked for: in what rests, on the person's own page,
// which holds its codes, and in an answer to their client, who knows the words.
func (c *canary) search(t *testing.T, control []byte) (out map[audience]*storetest.Search) {
	t.Helper()
	out = map[audience]*storetest.Search{inFiles: {}, onPage: {}, inAnswer: {}}
	for _, s := range out {
		for what, text := range c.texts() {
			require.NoError(t, s.Add(what, text))
		}
		for what, picture := range c.pictures {
			own := piecesOf(picture, control)
			require.Len(t, own, pieces, "%s: too few pieces are its own", what)
			for _, piece := range own {
				require.NoError(t, s.Add(what, piece))
			}
		}
	}
	for what, text := range c.words {
		require.NoError(t, out[inFiles].Add(what, text))
		require.NoError(t, out[onPage].Add(what, text))
	}
	for what, text := range c.secrets {
		require.NoError(t, out[inFiles].Add(what, text))
	}
	return out
}

// audience is who reads what is searched.
type audience int

const (
	inFiles audience = iota // whoever comes to the files
	onPage
	inAnswer
)

// Of nobody who was verified in whatever way is there a trace in any place where
// something rests, in no way in which it could lie there, but for the sealed columns:
// the store, the engine, histories, logs, metrics, temporary files, receipts and
// evidence; nor in what callers and receivers are told. The same search finds what
// is put there on purpose, in each of these ways in each place.
func TestCanary(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, dsn string) {
		c := newCanary()
		temp, traces, format := t.TempDir(), filepath.Join(t.TempDir(), "traces"), "json"
		if dsn != "" {
			format = "text"
		}
		// An engine of its own: other tests put pictures into the one of all, and a plain
		// wall is the same in everybody's.
		var engine *postgresEngine
		var own *ownEngine
		hostPort := ""
		if dsn != "" {
			engine = newPostgresEngine(t)
			hostPort = engine.hostPort
		} else {
			own = newOwnEngine(t)
			hostPort = own.HostPort
		}
		deaf, echo := newEcho(t, c, http.StatusInternalServerError), newEcho(t, c, http.StatusNoContent)
		s := newStack(t, options{dsn: dsn, temporal: hostPort, chip: true, megvii: true, policies: canaryPolicies,
			vendors:  flow(12 * time.Second),
			webhooks: "[" + deaf.yaml("deaf") + ", " + echo.yaml("echo") + "]",
			env:      append(reaching("0s,1s,1s"), "TMPDIR="+temp, "YANZHEN_LOG_FORMAT="+format, "YANZHEN_TRACES=file:"+traces)})
		s.untilKnown()
		x := &trial{stack: s, canary: c, seen: newSeen(t), temp: temp, traces: traces, engine: engine, own: own}
		s.heard = x.heard
		deaf.seen, echo.seen = x.seen, x.seen
		t.Run("ways", func(t *testing.T) {
			for name, play := range canaryWays {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					one := *s
					one.t = t
					play(&trial{stack: &one, canary: c, seen: x.seen, temp: temp})
				})
			}
		})
		if t.Failed() {
			return
		}
		x.echoed([]question{{sandbox.SinoConnect, "face-rec/request", "cn-chip-capture"}}, false)
		x.killed()
		x.tells()
		x.panics()
		x.findsNothingButWhatIsPlanted()
	})
}

// trial is one way of a verification, or what is done with all of them.
type trial struct {
	*stack
	*canary
	seen *seen
	// temp is the folder of temporary files, traces the file of traces.
	temp, traces string
	// engine is the one on PostgreSQL, own the one on SQLite: one of them is nil.
	engine *postgresEngine
	own    *ownEngine
	// more are places of this trial alone.
	more []place
}

// seen keeps, as files, what is told: one for errors, which repeat nothing, one for
// the other answers and one for each other kind.
type seen struct {
	dir string
	mu  sync.Mutex
}

func newSeen(t *testing.T) *seen { return &seen{dir: t.TempDir()} }

func (s *seen) add(kind string, parts ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.OpenFile(filepath.Join(s.dir, kind), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err) // the test's own folder
	}
	defer f.Close()
	_, _ = f.Write(append(bytes.Join(parts, []byte("\n")), '\n'))
}

// heard notes an answer, but for those that are there to tell a person, or a note.
// The person's page repeats as little as an error, but for its way home.
func (x *trial) heard(method, path string, a answer) {
	var header bytes.Buffer
	_ = a.header.Write(&header) // a buffer
	switch {
	case method == "page":
		x.seen.add("pages", bytes.ReplaceAll(a.body, []byte(x.words["return"]), nil))
	case a.status >= 400:
		x.seen.add("errors", header.Bytes(), a.body)
	case !bytes.Contains([]byte(path), []byte("/outputs")) && !bytes.Contains([]byte(path), []byte("/decisions")):
		x.seen.add("answers", header.Bytes(), a.body)
	}
}

// ends waits for the end, and takes its evidence.
func (x *trial) ends(v view) view {
	x.t.Helper()
	end := x.untilEnd(v.ID, comesBack)
	a := x.call("shop", "GET", "/v1/verifications/"+v.ID+"/evidence", nil, nil)
	x.seen.add("evidence", a.body)
	for _, path := range []string{"", "/timeline", "/outputs", "/qr.png", "/decisions"} {
		x.call("shop", "GET", "/v1/verifications/"+v.ID+path, map[string]string{"Yanzhen-Purpose": "test"}, nil)
	}
	return end
}

// killed loses the worker while vendors are being asked.
func (x *trial) killed() {
	x.vendors.ClearFaults()
	p := x.anyone(x.stack, nil)
	lost := planted{Person: p, key: x.words["key"] + "-killed", request: x.asks(x.stack, p, map[string]any{"policy": "patient"})}
	id := x.launchAndKill(lost)
	x.startWorker()
	v := x.untilLink(id, comesBack)
	x.comeBack(v, "0")
	x.ends(v)
}

// tells is what else is asked of an installation: who is held, what is due, lists.
func (x *trial) tells() {
	t := x.t
	purpose := map[string]string{"Yanzhen-Purpose": "test"}
	p := x.anyone(x.stack, nil)
	v := x.opens(x.stack, p, nil)
	x.comeBack(v, "0")
	x.ends(v)
	found := x.call("shop", "POST", "/v1/verifications/search", purpose, map[string]string{"id_number": p.IDNumber})
	require.Equal(t, http.StatusOK, found.status, "%s", found.body)
	require.Contains(t, string(found.body), v.ID)
	for _, path := range []string{"/v1/verifications?client_reference_id=" + x.words["reference"], "/v1/events", "/v1/deliveries", "/v1/policies"} {
		require.Equal(t, http.StatusOK, x.call("shop", "GET", path, nil, nil).status, path)
	}
	x.seen.add("terminal", []byte(x.yanzhen("retention")), []byte(x.yanzhen("audit", "verify")), []byte(x.yanzhen("doctor")))
	a, _ := x.redact(v.ID, nil)
	require.Less(t, a.status, 300, "%s", a.body)
	x.seen.add("receipts", []byte(x.untilReceipt(v.ID, time.Minute)))
}
