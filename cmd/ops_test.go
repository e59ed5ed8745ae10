package cmd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

const pastedID = "ver_hpcqydm2tjcd2cndyus2cnpme7"

// An id is understood as it is found at night: in upper case, with blanks, as a run's
// id, in an address. What is none is not printed, for it may be a person's number.
func TestVerificationIDAsPasted(t *testing.T) {
	for _, text := range []string{pastedID, " " + pastedID + "\n", strings.ToUpper(pastedID), pastedID + ":v2", pastedID + ":erase",
		"http://127.0.0.1:8233/namespaces/default/workflows/" + pastedID + "/0199-run/history",
		"https://kyc.example/v1/verifications/" + pastedID + "?wait=30s", pastedID + "/" + pastedID, `"` + pastedID + `",`} {
		id, err := verificationID(text)
		require.NoError(t, err, text)
		require.Equal(t, pastedID, id)
	}
	for _, text := range []string{"", "ver_…", "110199199003070017", "evt_zfwbak5djq6xqaichucm5pzuxh", pastedID + "x",
		pastedID + " ver_aaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		_, err := verificationID(text)
		require.ErrorContains(t, err, "one verification's id", text)
		require.NotContains(t, err.Error(), "1101")
	}
}

// Whatever comes of a verb is a sentence of ours that says what to do, with its exit
// code; never the name of a type alone.
func TestOperatorsErrorsAreSentences(t *testing.T) {
	wrapped := func(code starter.Code, err error) error { return &starter.Error{Code: code, Op: "look", Err: err} }
	for says, tc := range map[string]struct {
		err  error
		code int
	}{
		"refused, in_review: no":                       {&starter.RefusedError{Why: "no", Status: "in_review"}, exitRefused},
		"refused: it has no such event":                {&starter.RefusedError{Why: "it has no such event"}, exitRefused},
		"there is no verification " + pastedID:         {wrapped(starter.NotFound, nil), exitRefused},
		"was erased":                                   {wrapped(starter.Redacted, nil), exitRefused},
		"ChangedRows":                                  {wrapped(starter.Internal, store.ErrChanged), exitFault},
		"does not answer, so nothing was done":         {&starter.Error{Code: starter.EngineUnavailable, Untouched: true, Err: context.DeadlineExceeded}, exitNoReply},
		"or run `yanzhen setup`":                       {&starter.Error{Code: starter.EngineUnavailable, Untouched: true, Err: serviceerror.NewNamespaceNotFound("x")}, exitNoReply},
		"TEMPORAL_API_KEY":                             {wrapped(starter.Internal, serviceerror.NewPermissionDenied("x", "")), exitFault},
		"no worker answered within 45s":                {wrapped(starter.EngineUnavailable, client.NewWorkflowUpdateServiceTimeoutOrCanceledError(nil)), exitNoReply},
		"no worker answered":                           {wrapped(starter.EngineUnavailable, context.DeadlineExceeded), exitNoReply},
		"`yanzhen doctor` reports what is down":        {wrapped(starter.EngineUnavailable, serviceerror.NewUnavailable("x")), exitNoReply},
		"`yanzhen doctor` reports whether workers run": {wrapped(starter.EngineUnavailable, context.DeadlineExceeded), exitNoReply},
	} {
		err := operateError(pastedID, tc.err)
		require.ErrorContains(t, err, says)
		var e *exitError
		require.True(t, errors.As(err, &e), says)
		require.Equal(t, tc.code, e.code, says)
	}
}

// What no run could do is refused before one is asked, which may take its time.
func TestOperatorsFlagsAreChecked(t *testing.T) {
	for _, d := range []string{"0s", "-1h", "721h"} {
		_, err := run(t.Context(), "ops", "extend", pastedID, "--for", d, "--reason", "x")
		require.ErrorContains(t, err, "--for is how long from now", d)
	}
}

// A store that refuses is told in one sentence, with the setting and what to do, by
// each command.
func TestAStoreThatRefusesIsToldInOneSentence(t *testing.T) {
	dir := t.TempDir()
	keys, other, dsn := filepath.Join(dir, "keys.json"), filepath.Join(dir, "other.json"), "sqlite:"+filepath.Join(dir, "yz.db")
	require.NoError(t, createKeys(keys, &safeBuffer{}))
	require.NoError(t, createKeys(other, &safeBuffer{}))
	require.NoError(t, store.Migrate(t.Context(), dsn))
	st, err := store.Open(t.Context(), dsn, keysOf(t, keys))
	require.NoError(t, err)
	require.NoError(t, st.Close())
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
	for _, tc := range []struct{ store, keys, says string }{
		{dsn, other, "YANZHEN_KEYS: " + other + " is not the key file of the store that YANZHEN_STORE names"},
		{"postgres://u:planted@127.0.0.1:1/y", keys, "YANZHEN_STORE: the database does not answer: start the database"},
	} {
		t.Setenv("YANZHEN_STORE", tc.store)
		t.Setenv("YANZHEN_KEYS", tc.keys)
		for _, args := range [][]string{{"ops", "show", pastedID}, {"keys", "check"}, {"provider", "list"}} {
			_, err := run(t.Context(), args...)
			require.ErrorContains(t, err, tc.says, args)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "planted")
		}
	}
}

// What an operator does without an installation in the environment is done to the
// local stack, by all commands alike; where one is named, to that.
func TestOperatorsFindTheLocalStack(t *testing.T) {
	for _, name := range []string{"YANZHEN_STORE", "YANZHEN_KEYS", "TEMPORAL_ADDRESS"} {
		if old, set := os.LookupEnv(name); set {
			require.NoError(t, os.Unsetenv(name))
			t.Cleanup(func() { _ = os.Setenv(name, old) })
		}
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("YANZHEN_LOG_LEVEL", "debug")
	_, local, err := installationOf("")
	require.NoError(t, err)
	require.Empty(t, local)
	_, _, err = installationOf(t.TempDir())
	require.ErrorContains(t, err, "no local stack in ")

	dir := filepath.Join(cache, "yanzhen", "dev")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	state := devState{Temporal: "127.0.0.1:1", Namespace: "default", Settings: []string{"YANZHEN_STORE=" + devStore(dir), "YANZHEN_PUBLIC_URL=http://127.0.0.1:2"}}
	require.NoError(t, state.write(dir))
	environ, local, err := installationOf("")
	require.NoError(t, err)
	require.Equal(t, dir, local)
	require.Subset(t, environ, []string{"YANZHEN_STORE=" + devStore(dir), "YANZHEN_KEYS=" + devKeys(dir), "YANZHEN_PUBLIC_URL=http://127.0.0.1:2",
		"TEMPORAL_ADDRESS=127.0.0.1:1", "TEMPORAL_NAMESPACE=default"})
	require.NotContains(t, environ, "YANZHEN_LOG_LEVEL=debug")

	t.Setenv("TEMPORAL_ADDRESS", "temporal:7233")
	environ, local, err = installationOf("")
	require.NoError(t, err)
	require.Empty(t, local)
	require.Contains(t, environ, "TEMPORAL_ADDRESS=temporal:7233")
}

// The local stack is looked at and acted on without a word of settings: doctor has
// nothing to say against it, and verbs answer.
func TestOperatorsWorkOnTheLocalStack(t *testing.T) {
	_, dir := localStack(t)
	out, err := run(t.Context(), "doctor", "--data", dir)
	require.NoError(t, err, out)
	require.Contains(t, out, "The local stack in "+dir)
	require.NotRegexp(t, `(?m)^error `, out)
	for _, args := range [][]string{{"ops", "look", pastedID}, {"ops", "resend", pastedID}} {
		out, err = run(t.Context(), append(args, "--reason", "x", "--data", dir)...)
		require.ErrorContains(t, err, "there is no verification "+pastedID, out)
	}
	out, err = run(t.Context(), "retention", "--data", dir)
	require.NoError(t, err, out)
}

// A verification is shown from the store alone, to operators who have no client's key:
// where it stands and why, what was done, what its receivers took; nothing personal.
func TestOperatorsAreShownAVerification(t *testing.T) {
	dir := t.TempDir()
	keys, dsn := filepath.Join(dir, "keys.json"), "sqlite:"+filepath.Join(dir, "yz.db")
	t.Setenv("YANZHEN_STORE", dsn)
	t.Setenv("YANZHEN_KEYS", keys)
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
	require.NoError(t, createKeys(keys, &safeBuffer{}))
	require.NoError(t, store.Migrate(t.Context(), dsn))
	st, err := store.Open(t.Context(), dsn, keysOf(t, keys))
	require.NoError(t, err)
	defer st.Close()
	now := time.Date(2026, 11, 28, 21, 0, 0, 0, time.UTC)
	row := store.Row{ID: pastedID, Client: "shop", Fingerprint: []byte{1}, CreatedAt: now, OverdueAt: now.Add(time.Hour), Policy: verification.PolicyRef{Name: "cn-resident", Version: 2},
		State:   verification.NewState(verification.Policy{Name: "cn-resident", Version: 2, Attempts: 3}, now),
		Request: verification.Request{Subject: &verification.Subject{Name: "测试甲", IDNumber: "110199199003070017"}, ClientReferenceID: "order-17"}}
	_, _, err = st.Insert(t.Context(), row)
	require.NoError(t, err)
	show := func() string {
		out, err := run(t.Context(), "ops", "show", strings.ToUpper(pastedID)+":v2")
		require.NoError(t, err, out)
		for _, personal := range []string{"测试甲", "110199", "order-17"} {
			require.NotContains(t, out, personal)
		}
		return out
	}
	require.Contains(t, show(), "its run has not begun")

	require.NoError(t, st.MarkStarted(t.Context(), pastedID, now))
	review := row.State
	review.AwaitReview(now, []verification.Reason{verification.ReasonOf(verification.RecordsNotFound)}, now.Add(48*time.Hour))
	require.NoError(t, st.Publish(t.Context(), pastedID, review))
	_, err = st.Relay(t.Context(), now, func(string, string) []string { return []string{"main"} }, 10)
	require.NoError(t, err)
	due, err := st.TakeDue(t.Context(), now, time.Minute, 10)
	require.NoError(t, err)
	_, err = st.Settle(t.Context(), store.Try{EventID: due[0].EventID, Endpoint: "main", At: now, Class: "5xx", State: store.DeliverySending, Health: store.Fails}, time.Hour)
	require.NoError(t, err)
	out := show()
	for _, has := range []string{"client shop, policy cn-resident version 2", "in_review, changed 2026-11-28 21:00:00 UTC, until 2026-11-30 21:00:00 UTC",
		"because of records.not_found: ", "verification.in_review", "to main", "1 tries, the last one 5xx"} {
		require.Contains(t, out, has)
	}
	require.NotContains(t, out, "has not begun")

	_, err = run(t.Context(), "ops", "show", "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa")
	require.ErrorContains(t, err, "there is no verification ver_aaaaaaaaaaaaaaaaaaaaaaaaaa")
}
