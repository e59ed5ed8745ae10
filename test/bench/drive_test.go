//go:build bench

package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// bareRun takes the bare workflow from its start to its end.
func (s *stack) bareRun(ctx context.Context, path string) (o one, err error) {
	o.id = fmt.Sprintf("bare-%d", rand.Uint64())
	began := time.Now()
	h, err := s.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: s.temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{ID: o.id, TaskQueue: bareQueue,
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL}, bareName, BareInput{Path: path}),
		UpdateOptions: client.UpdateWorkflowOptions{WorkflowID: o.id, UpdateID: bareLaunch, UpdateName: bareLaunch, WaitForStage: client.WorkflowUpdateStageCompleted},
	})
	if err == nil {
		err = h.Get(ctx, nil)
	}
	if err != nil {
		return o, err
	}
	o.link = time.Since(began)
	rang := time.Now()
	if path != "poll" {
		if err := s.temporal.SignalWorkflow(ctx, o.id, "", bareBell, nil); err != nil {
			return o, err
		}
	}
	err = s.temporal.GetWorkflow(ctx, o.id, "").Get(ctx, nil)
	o.caller = time.Since(rang)
	return o, err
}

// answer is the API's, as far as it is needed.
type answer struct {
	ID, Status, Outcome string
	NextAction          *struct{ URL string } `json:"next_action"`
}

// policies are those of the paths.
var policies = map[string]string{"callback": "cn-resident", "poll": "cn-resident", "notify": "cn-resident-megvii", "chip": "cn-chip", "capture": "cn-chip-capture"}

// opened is a verification with its link.
type opened struct {
	one
	answer
	etag string
	// session is what names it in the link, number the person's.
	session, number string
}

// begin starts a verification and waits for its link.
func (s *stack) begin(ctx context.Context, path string) (v opened, err error) {
	body, number, err := s.request(policies[path], path == "chip" || path == "capture")
	if err != nil {
		return v, err
	}
	began := time.Now()
	a, etag, err := s.call(ctx, "POST", "/v1/verifications", body, "")
	for errors.Is(err, errAway) && time.Since(began) < time.Minute { // as a client would
		time.Sleep(time.Second)
		a, etag, err = s.call(ctx, "POST", "/v1/verifications", body, "")
	}
	for err == nil && (a.NextAction == nil || a.NextAction.URL == "") && time.Since(began) < time.Minute {
		a, etag, err = s.call(ctx, "GET", "/v1/verifications/"+a.ID+"?wait=30s", "", etag)
	}
	if err != nil {
		return v, err
	}
	v = opened{one: one{id: a.ID, link: time.Since(began)}, answer: a, etag: etag, number: number}
	link, err := url.Parse(a.NextAction.URL)
	if err != nil {
		return v, err
	}
	v.session = link.Query().Get("token") // Megvii's
	if v.session == "" {
		v.session = link.Path[strings.LastIndex(link.Path, "/")+1:]
	}
	return v, nil
}

// request is one for a fresh person, named or known from the card's scan.
func (s *stack) request(policy string, scanned bool) (body, number string, err error) {
	p := sandbox.FreshPerson(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	if err := s.vendors.AddPerson(p); err != nil {
		return "", "", err
	}
	fields := map[string]any{"policy": policy, "presentation": "vendor", "return_url": s.vendors.URL + "/shop/back"}
	if scanned {
		reqid, err := s.vendors.AddScan(sandbox.ScanOptions{Person: &p})
		if err != nil {
			return "", "", err
		}
		fields["nfc_reqid"] = reqid
	} else {
		fields["subject"] = map[string]any{"name": p.Name, "id_number": p.IDNumber, "id_validity": map[string]any{"from": p.ValidFrom, "to": p.ValidTo}}
	}
	text, err := json.Marshal(fields)
	return string(text), p.IDNumber, err
}

// verify takes a verification from its start to its verdict, as a client and a
// person would.
func (s *stack) verify(ctx context.Context, path string) (one, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	v, err := s.begin(ctx, path)
	if err != nil {
		return v.one, err
	}
	end, err := s.onPage(path, v)
	if err != nil {
		return v.one, err
	}
	over := make(chan error, 1)
	var verdict time.Time
	go func() {
		var err error
		for last, etag := v.answer, v.etag; ; {
			if last, etag, err = s.call(ctx, "GET", "/v1/verifications/"+v.ID+"?wait=30s", "", etag); err != nil || last.Status == "completed" {
				verdict = time.Now()
				if err == nil && last.Outcome != "approved" {
					err = errors.New(last.Outcome)
				}
				over <- err
				return
			}
		}
	}()
	time.Sleep(5 * time.Millisecond) // somebody waits before the person comes back
	rang := time.Now()
	if err := end(); err != nil {
		return v.one, err
	}
	err = <-over
	v.caller = verdict.Sub(rang)
	return v.one, err
}

// onPage opens the vendor's page; what it returns ends it, and tells of that in
// the path's way.
func (s *stack) onPage(path string, v opened) (end func() error, err error) {
	session := v.session
	switch path {
	case "notify":
		err := errors.Join(s.vendors.SetMegviiNotifyOf(session, sandbox.NotifyOptions{NoReturn: true}), s.vendors.MegviiBegin(session))
		return func() error { _, err := s.vendors.MegviiEnd(session, sandbox.MegviiPass); return err }, err
	case "capture":
		return func() error {
			return s.comeBack("/page/sino/"+session, url.Values{"outcome": {sandbox.CaptureSame}, "number": {v.number}})
		}, s.vendors.SinoBegin(session)
	case "poll":
		return func() error { return s.vendors.End(session, "0") }, s.vendors.Begin(session)
	}
	return func() error { return s.comeBack("/page/tencent/"+session, url.Values{"outcome": {"0"}}) }, s.vendors.Begin(session)
}

// comeBack ends the vendor's page, and takes the browser back.
func (s *stack) comeBack(page string, form url.Values) error {
	res, err := direct.PostForm(s.vendors.URL+page+"/end", form)
	if err != nil {
		return err
	}
	res.Body.Close()
	status, text, err := get(res.Header.Get("Location"))
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("callback: %d %s", status, text)
	}
	return err
}

// errAway: the engine gave no answer in time.
var errAway = errors.New("503")

func (s *stack) call(ctx context.Context, method, path, body, etag string) (a answer, newTag string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, s.apiURL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return a, "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprintf("key-%x", sha256.Sum256([]byte(body)))) // a repeat has the first one's
	}
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	res, err := direct.Do(r)
	if err != nil {
		return a, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	switch {
	case err != nil || res.StatusCode == http.StatusNotModified:
		return a, etag, err
	case res.StatusCode == http.StatusServiceUnavailable:
		return a, "", fmt.Errorf("%s: %w: %s", path, errAway, text)
	case res.StatusCode >= 300:
		return a, "", fmt.Errorf("%s: %d %s", path, res.StatusCode, text)
	}
	return a, res.Header.Get("ETag"), json.Unmarshal(text, &a)
}

func get(address string) (int, string, error) {
	res, err := direct.Get(address)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}
