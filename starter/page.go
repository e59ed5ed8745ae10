package starter

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

const purposePageCode = "page-code"

// newPageCode makes the code of a page's link: at least 128 random bits.
func newPageCode() string { return strings.ToLower(rand.Text()) }

func (s *Starter) pageHash(code string) []byte { return s.keys.Hash(purposePageCode, code) }

// pageLink is the link of the person's page; "": it is over.
func (s *Starter) pageLink(r store.Row) string {
	if r.PageCode == "" {
		return ""
	}
	return s.publicURL + "/p/" + r.PageCode
}

// PageView is a verification as its person's page needs it: nothing of the
// subject, the reference or the metadata.
type PageView struct {
	ID, Client string
	State      verification.State
	// Policy is the newest of the name.
	Policy verification.Policy
	// Language is the one that the request names, or "".
	Language  string
	ReturnURL string
	// Missing is what the person must still agree to; empty: no consent screen.
	Missing []verification.Purpose
	// OpenIn names the only app in which the vendor's page works: of the open
	// session, else of the first provider that would be asked.
	OpenIn string
	// VendorLink is the open session's while it lives; "" otherwise.
	VendorLink          string
	VendorLinkExpiresAt time.Time
	// OpensUntil is until when the link opens sessions, while the person is awaited
	// there.
	OpensUntil time.Time
	// Revision is the ETag.
	Revision int
}

// Page reads a verification for its person's page, from the store alone. Errors
// are *Error: NotFound (also for one that has no page), Redacted,
// EngineUnavailable, Internal.
func (s *Starter) Page(ctx context.Context, id string) (PageView, error) {
	row, err := s.pageRow(ctx, id)
	if err != nil {
		return PageView{}, err
	}
	return s.pageView(ctx, row)
}

// PageByCode reads the verification whose link has the code, also after its end.
// Errors are those of Page.
func (s *Starter) PageByCode(ctx context.Context, code string) (PageView, error) {
	row, err := s.store.ByPageCode(ctx, s.pageHash(code))
	if err != nil {
		return PageView{}, s.storeError(ctx, "find the page", row.ID, err)
	}
	return s.pageView(ctx, row)
}

// AwaitPage is Page once the revision is another than the known one, or the wait
// is over. Errors are those of Page, and RateLimited.
func (s *Starter) AwaitPage(ctx context.Context, id string, revision int, wait time.Duration) (PageView, error) {
	row, err := s.pageRow(ctx, id)
	if err != nil {
		return PageView{}, err
	}
	if row.Revision == revision && !row.Ended && wait > 0 {
		if _, err := s.wait(ctx, row.Client, id, revision, wait, nil, "page "+id, mostOfPage); err != nil {
			return PageView{}, err
		}
	}
	return s.Page(ctx, id)
}

func (s *Starter) pageRow(ctx context.Context, id string) (store.Row, error) {
	row, err := s.store.Load(ctx, id)
	if err != nil {
		return store.Row{}, s.storeError(ctx, "read the row", id, err)
	}
	if !row.State.Page {
		return store.Row{}, &Error{Code: NotFound}
	}
	return row, nil
}

func (s *Starter) pageView(ctx context.Context, row store.Row) (PageView, error) {
	st := row.State
	v := PageView{
		ID: row.ID, Client: row.Client, State: st, Policy: presented(s.byName()[row.Policy.Name], verification.PresentationPage),
		Language: row.Request.Language, ReturnURL: row.Request.ReturnURL, Revision: row.Revision,
	}
	if a := st.NextAction; a != nil && a.Type == verification.ActionRedirect && a.ExpiresAt != nil {
		v.OpensUntil = verification.LinkOpens(st.CreatedAt, *a.ExpiresAt)
	}
	for _, name := range v.Policy.FaceProviders {
		if f, ok := s.registry.Face(name); ok {
			v.OpenIn = f.OpenIn
			break
		}
	}
	if st.Status.Ended() {
		return v, nil
	}
	var err error
	if v.Missing, err = s.missing(ctx, row); err != nil {
		return PageView{}, err
	}
	if st.Open == nil {
		return v, nil
	}
	v.OpenIn, v.VendorLinkExpiresAt = st.Open.OpenIn, st.Open.ExpiresAt
	v.VendorLink, err = s.link(ctx, row.ID, st.Attempt.Session)
	return v, err
}

// missing is what the person must still agree to.
func (s *Starter) missing(ctx context.Context, row store.Row) ([]verification.Purpose, error) {
	if len(row.State.Asks) == 0 {
		return nil, nil
	}
	given, err := s.store.Consents(ctx, row.ID)
	if err != nil {
		return nil, s.storeError(ctx, "read the consents", row.ID, err)
	}
	return verification.Missing(row.State.Asks, given), nil
}

// Open notes what the person agreed to and opens a face session for them: the one
// that follows those that they have seen. Whoever asks for one that is there, in
// a second tab or on the other device, is answered as it is now. It waits until
// there is a vendor's link or an end, as far as its patience goes.
//
// While a session is open, asking for the next one stands for its lost page: the
// same link while its vendor says that nobody opened it, else a new session.
// Errors are *Error: those of Page, ConsentRequired, LinkExpiring, InvalidState.
func (s *Starter) Open(ctx context.Context, id string, session int, consents []verification.Consent) (PageView, error) {
	row, err := s.pageRow(ctx, id)
	if err != nil {
		return PageView{}, err
	}
	if len(consents) > 0 && !row.Ended {
		if err := s.store.AddConsents(ctx, id, consents); err != nil && !isNotFound(err) {
			return PageView{}, s.storeError(ctx, "note the consents", id, err)
		}
	}
	if _, err := s.openFor(ctx, row, session); err != nil {
		return PageView{}, err
	}
	return s.Page(ctx, id)
}

// openFor has the run open the session, unless it is there.
func (s *Starter) openFor(ctx context.Context, row store.Row, session int) (View, error) {
	st := row.State
	switch missing, err := s.missing(ctx, row); {
	case row.Ended, session <= st.Attempt.Session:
		return s.view(ctx, row)
	case err != nil:
		return View{}, err
	case len(missing) > 0:
		return View{}, &Error{Code: ConsentRequired, Fields: consentFields(missing)}
	}
	o := client.UpdateWorkflowOptions{
		UpdateID:   workflows.OpenUpdateID(session),
		UpdateName: workflows.UpdateOpen,
		Args:       []any{workflows.OpenRequest{Session: session, Agreed: st.Asks, Lost: st.Open != nil}},
	}
	if st.Open != nil {
		// Its page may be lost again: see Retry.
		o.UpdateID = workflows.RelinkUpdateID(st.Attempt.Session, st.Version)
	}
	v, err := s.update(ctx, row, o)
	if gone, ok := errors.AsType[*ended](err); ok {
		return gone.view, nil
	}
	if CodeOf(err) == EngineUnavailable {
		// The run may have taken it and wait for a slow vendor.
		if now, readErr := s.Read(ctx, row.Client, row.ID); readErr == nil && now.Attempt.Session >= session {
			return now, nil
		}
	}
	return v, err
}

// AskForHuman sends the verification to a human, after which no vendor is called.
// Errors are *Error: those of Page, InvalidState (the policy sends to another
// address).
func (s *Starter) AskForHuman(ctx context.Context, id string) (PageView, error) {
	row, err := s.pageRow(ctx, id)
	if err != nil {
		return PageView{}, err
	}
	if !row.Ended && row.State.Status != verification.InReview {
		_, err := s.update(ctx, row, client.UpdateWorkflowOptions{
			UpdateID: workflows.UpdateHuman, UpdateName: workflows.UpdateHuman, Args: []any{workflows.HumanRequest{}},
		})
		if _, gone := errors.AsType[*ended](err); err != nil && !gone {
			return PageView{}, err
		}
	}
	return s.Page(ctx, id)
}

// byPerson is who asked for an erasure on our page.
const byPerson = "person"

// Withdraw takes back all that the person agreed to, which ends the verification
// and erases them; where nothing is on record, it is Decline. Once it is noted the
// rest comes about, whatever the engine says now. Errors are those of Page.
func (s *Starter) Withdraw(ctx context.Context, id, requestID string) error {
	row, err := s.pageRow(ctx, id)
	if err != nil {
		return err
	}
	given, err := s.store.Consents(ctx, id)
	if err != nil {
		return s.storeError(ctx, "read the consents", id, err)
	}
	c := ConsentChange{By: byPerson, RequestID: requestID}
	for _, one := range given {
		c.Withdrawn = append(c.Withdrawn, one.Purpose)
	}
	if len(given) == 0 {
		_, err := s.Decline(ctx, id)
		return err
	}
	if _, err := s.withdraw(ctx, row.Client, id, c); CodeOf(err) != EngineUnavailable {
		return err
	}
	now, err := s.store.Load(ctx, id)
	if err != nil && !isNotFound(err) || err == nil && !now.Withdrawn {
		return unavailable("withdraw consents", err)
	}
	return nil
}

// Decline ends the verification of a person who does not agree. One that has
// ended is answered as it is. Errors are those of Page.
func (s *Starter) Decline(ctx context.Context, id string) (PageView, error) {
	row, err := s.pageRow(ctx, id)
	if err != nil {
		return PageView{}, err
	}
	if _, err := s.Cancel(ctx, row.Client, id, verification.CanceledByPerson, 0); err != nil && CodeOf(err) != InvalidState {
		return PageView{}, err
	}
	return s.Page(ctx, id)
}
