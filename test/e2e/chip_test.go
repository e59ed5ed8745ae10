package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// mostEvents bounds the history of a chip-first approved run.
const mostEvents = 75

func TestAScanAndNothingElseEndsApproved(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	for policy, play := range map[string]func(view, sandbox.Person){
		"cn-chip":         func(v view, _ sandbox.Person) { s.play(v, "0") },
		"cn-chip-capture": func(v view, p sandbox.Person) { s.capture(v, sandbox.CaptureSame, p) },
	} {
		t.Run(policy, func(t *testing.T) {
			p := s.person()
			reqid := s.scan(p, "")
			v := s.begun(policy, reqid)
			v = s.untilLink(v.ID, 20*time.Second)
			require.Equal(t, verification.Passed, find(t, v, verification.DocumentChip).Status)
			require.Equal(t, p.IDNumber[16:], v.Subject.IDNumber[16:], "the chip's holder is the subject")
			require.NotContains(t, v.Subject.IDNumber, p.IDNumber[6:14])
			play(v, p)
			v = s.untilEnd(v.ID, 30*time.Second)
			require.Equal(t, verification.OutcomeApproved, v.Outcome, "%+v", v)
			require.Equal(t, verification.ByPolicy, v.Verdict.DecidedBy)

			require.Equal(t, 1, s.chargedFor(p), "one charge a person")
			require.Equal(t, 1, s.reads(reqid), "one read a scan")
			require.Empty(t, s.portrait(v.ID))
			n := s.events(v.ID)
			t.Logf("%d events", n)
			require.LessOrEqual(t, n, mostEvents)
		})
	}
	require.Equal(t, 1, s.asked("CompareFace"), "only where the policy compares")
	require.Zero(t, s.vendors.Ledger().Count(sandbox.Query{Flag: sandbox.FlagURLSent}))
}

func TestAnotherPersonsFaceIsDeclinedAfterThreeJudgedAttempts(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	p := s.person()
	reqid := s.scan(p, "")
	v := s.begun("cn-chip-capture", reqid)
	for attempt := 1; attempt <= 3; attempt++ {
		v = s.untilLink(v.ID, 20*time.Second)
		require.Equal(t, attempt, v.Attempt.Number)
		require.Equal(t, sandbox.Portrait(p), s.portrait(v.ID), "attempt %d needs it", attempt)
		s.capture(v, sandbox.CaptureOther, p)
		if attempt == 3 {
			break
		}
		v = s.untilAction(v.ID, "retry", 20*time.Second)
		require.Equal(t, verification.FaceNoMatch, v.LastError.Code)
		a := s.retry(v.ID, attempt, "")
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	}
	v = s.untilEnd(v.ID, 30*time.Second)
	require.Equal(t, verification.OutcomeDeclined, v.Outcome, "%+v", v)
	require.Contains(t, reasonsOf(v.Verdict.Reasons), string(verification.FaceNoMatch))
	require.Contains(t, reasonsOf(v.Verdict.Reasons), string(verification.SessionAttemptsExhausted))
	require.Empty(t, s.portrait(v.ID), "no attempt is left")
	require.Equal(t, 1, s.chargedFor(p))
	require.Equal(t, 1, s.reads(reqid))
	require.Equal(t, 3, s.compared(p))
}

func TestWithTheComparerDownAHumanLooks(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	s.fault(sandbox.Fault{Vendor: sandbox.TencentIAI, Kind: sandbox.FaultHTML502})
	p := s.person()
	reqid := s.scan(p, "")
	v := s.begun("cn-chip-capture", reqid)
	v = s.untilLink(v.ID, 20*time.Second)
	s.capture(v, sandbox.CaptureSame, p)
	v = s.untilReview(v.ID, 40*time.Second)
	match := find(t, v, verification.FaceMatch)
	require.Equal(t, verification.Inconclusive, match.Status)
	require.Contains(t, reasonsOf(match.Reasons), string(verification.FaceNotCompared))
	require.Greater(t, s.compared(p), 1, "it was waited for")
	require.Empty(t, s.portrait(v.ID), "no session can need it any more")
	require.Equal(t, 1, s.chargedFor(p))
	require.Equal(t, 1, s.reads(reqid))
}

// An account that gets the old face model: its scores mean something else. A
// human looks, and the operator is told.
func TestAComparerOfAnotherFaceModelIsTheOperatorsFault(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{vendors: func(c *sandbox.Config) { c.IAI.AnswerModel = "2.0" }})
	p := s.person()
	v := s.begun("cn-chip-capture", s.scan(p, ""))
	s.capture(s.untilLink(v.ID, 20*time.Second), sandbox.CaptureSame, p)
	v = s.untilReview(v.ID, 40*time.Second)
	match := find(t, v, verification.FaceMatch)
	require.Equal(t, verification.Inconclusive, match.Status)
	require.Equal(t, "[provider.misconfigured]", reasonsOf(match.Reasons))
	require.Regexp(t, `"level":"ERROR","msg":"vendor call failed".*"class":"misconfigured","code":"other_model"`, string(s.logs()))
}

func TestWithoutAFaceAHumanDecides(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	p := s.person()
	v := s.begun("cn-no-face", s.scan(p, ""))
	v = s.untilReview(v.ID, 20*time.Second)
	for _, check := range []verification.CheckType{verification.DocumentChip, verification.DocumentValidity, verification.IdentityRecords} {
		require.Equal(t, verification.Passed, find(t, v, check).Status, check)
	}
	require.Equal(t, 1, s.chargedFor(p))
	require.Zero(t, s.asked("GetEidToken")+s.asked("face-rec/request"))
}

func TestALostAnswerOfTheChipIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	s.fault(sandbox.Fault{Vendor: sandbox.SinoConnect, Operation: "nfc/callback", Kind: sandbox.FaultDropAfter, Times: 1})
	p := s.person()
	reqid := s.scan(p, "")
	v := s.begun("cn-no-face", reqid)
	s.untilReview(v.ID, 20*time.Second)
	require.Equal(t, 2, s.reads(reqid))
	require.Equal(t, 1, s.chargedFor(p))
}

// unreadable are scans whose data nobody can use, by the stand-in's scenario.
var unreadable = []string{"sim-badjwe-", "sim-badjwe-cut-", "sim-badjwe-header-", "sim-badjwe-zip-", "sim-badjwe-huge-",
	"sim-badjwe-dots-", "sim-badjwe-text-", "sim-badjwe-longname-", "sim-incomplete-", "sim-expired-"}

func TestAChipThatCannotBeReadIsScannedAgain(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	for _, scenario := range unreadable {
		t.Run(scenario, func(t *testing.T) {
			p := s.person()
			v := s.begun("cn-chip", s.scan(p, scenario))
			v = s.untilAction(v.ID, "scan_chip", 15*time.Second)
			require.Equal(t, verification.RequiresInput, v.Status)
			require.Equal(t, verification.DocumentUnreadable, v.LastError.Code)
			require.True(t, v.LastError.Retryable)
			s.uncharged(t, p)

			without := s.retry(v.ID, v.Attempt.Session, "")
			require.Equal(t, http.StatusUnprocessableEntity, without.status, "%s", without.body)
			require.Equal(t, "nfc_reqid", without.Errors[0].Field)

			again := s.retry(v.ID, v.Attempt.Session, s.scan(p, ""))
			require.Equal(t, http.StatusOK, again.status, "%s", again.body)
			v = s.untilLink(v.ID, 20*time.Second)
			require.Nil(t, v.LastError)
			s.play(v, "0")
			require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
			require.Equal(t, 1, s.chargedFor(p))
		})
	}
}

func TestAScanIsTakenOnce(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	p := s.person()
	reqid := s.scan(p, "")
	request := map[string]any{"policy": "cn-no-face", "presentation": "vendor", "nfc_reqid": reqid}
	start := func(client, key string) answer {
		return s.call(client, "POST", "/v1/verifications", map[string]string{"Idempotency-Key": key}, request)
	}
	key := freshKey()
	first := start("shop", key)
	require.Less(t, first.status, 300, "%s", first.body)
	replay := start("shop", key)
	require.Equal(t, http.StatusOK, replay.status, "%s", replay.body)
	require.Equal(t, first.view.ID, replay.view.ID, "a repeat is no second use")
	for _, client := range []string{"shop", "other"} {
		a := start(client, freshKey())
		require.Equal(t, http.StatusConflict, a.status, "%s: %s", client, a.body)
		require.Equal(t, "reqid_reused", a.Code)
		require.NotContains(t, string(a.body), reqid)
	}

	other := s.begun("cn-no-face", s.scan(s.person(), "sim-badjwe-"))
	other = s.untilAction(other.ID, "scan_chip", 15*time.Second)
	a := s.retry(other.ID, other.Attempt.Session, reqid)
	require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
	require.Equal(t, "reqid_reused", a.Code)
	require.Equal(t, "scan_chip", s.read(other.ID).NextAction.Type, "another scan may come")
	s.untilReview(first.view.ID, 20*time.Second)
	require.Equal(t, 1, s.reads(reqid))
	require.Equal(t, 1, s.chargedFor(p))
	require.Equal(t, 2, s.rows())
}

func TestACardThatCannotPassCostsNothing(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	for name, c := range map[string]struct {
		spoil    func(*sandbox.Person)
		scenario string
		want     verification.Outcome
		reason   verification.ReasonCode
	}{
		"expired":           {nil, "sim-expiredcard-", verification.OutcomeDeclined, verification.DocumentExpired},
		"impossible number": {func(p *sandbox.Person) { p.IDNumber = spoiledNumber(p.IDNumber) }, "", verification.OutcomeReview, verification.DocumentImplausible},
		"impossible dates":  {func(p *sandbox.Person) { p.ValidFrom, p.ValidTo = "20991231", "21091231" }, "", verification.OutcomeReview, verification.DocumentImplausible},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.person()
			if c.spoil != nil {
				c.spoil(&p)
			}
			reqid := s.scan(p, c.scenario)
			v := s.begun("cn-chip", reqid)
			v = s.until(v.ID, 20*time.Second, string(c.want), func(v view) bool {
				return v.Outcome == c.want && find(t, v, verification.DocumentValidity).Status != verification.Pending
			})
			require.Contains(t, reasonsOf(find(t, v, verification.DocumentValidity).Reasons), string(c.reason))
			s.uncharged(t, p)
			require.Equal(t, 1, s.reads(reqid))
		})
	}
	require.Zero(t, s.asked("check-2e"))
	require.Zero(t, s.asked("GetEidToken"))
}

// A card without an end ends approved in every form of one, in one scan. A form
// that nobody understands runs on to a review, and never asks for scan after scan.
func TestACardsEndInAnyFormNeedsOneScan(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	elderly := sandbox.Person{Name: "试样辛", ValidFrom: "20230710", ValidTo: "00000000"}
	for i, form := range []string{"99991231", "9999-12-31", "9999.12.31", "长期有效", "長期", "永久", "0000.00.00"} {
		t.Run(form, func(t *testing.T) {
			p := elderly
			p.IDNumber = numbered(fmt.Sprintf("420199196006151%d", i))
			require.NoError(t, s.vendors.AddPerson(p))
			card := p
			card.ValidTo = form
			reqid := s.scan(card, "")
			v := s.untilLink(s.begun("cn-chip", reqid).ID, 20*time.Second)
			s.play(v, "0")
			require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
			require.Equal(t, 1, s.reads(reqid))
			require.Equal(t, 1, s.chargedFor(p))
		})
	}
	for _, form := range []string{"无固定期限", " "} {
		t.Run("not understood: "+form, func(t *testing.T) {
			p := s.person()
			card := p
			card.ValidTo = form
			reqid := s.scan(card, "")
			v := s.untilLink(s.begun("cn-chip", reqid).ID, 20*time.Second)
			require.Nil(t, v.LastError)
			s.play(v, "0")
			v = s.untilReview(v.ID, 30*time.Second)
			require.Contains(t, reasonsOf(find(t, v, verification.DocumentValidity).Reasons), string(verification.DocumentValidityUnclear))
			require.Equal(t, verification.Passed, find(t, v, verification.FaceMatch).Status)
			require.Equal(t, 1, s.reads(reqid))
			require.Zero(t, s.chargedFor(p), "without dates nobody can be asked")
		})
	}
}

// numbered is an ID number by its first sixteen digits: the seventeenth is a 2.
func numbered(d16 string) string { return checked(d16 + "2") }

// checked is an ID number by all but its check character.
func checked(d17 string) string {
	sum := 0
	for i, weight := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(d17[i]-'0') * weight
	}
	return d17 + string("10X98765432"[sum%11])
}

// spoiledNumber is the number with a check character that is not its own.
func spoiledNumber(n string) string {
	if n[17] == '1' {
		return n[:17] + "2"
	}
	return n[:17] + "1"
}

func TestAChipOfAnotherHolderIsDeclinedWithoutACharge(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	claimed, holder := s.person(), s.person()
	reqid := s.scan(holder, "")
	a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()},
		with(with(s.request(claimed), "policy", "cn-chip"), "nfc_reqid", reqid))
	require.Less(t, a.status, 300, "%s", a.body)
	v := s.untilEnd(a.view.ID, 20*time.Second)
	require.Equal(t, verification.OutcomeDeclined, v.Outcome)
	require.Contains(t, reasonsOf(v.Verdict.Reasons), string(verification.HolderMismatch))
	s.uncharged(t, claimed)
	s.uncharged(t, holder)
	require.Zero(t, s.asked("GetEidToken"))
}

func TestPicturesThatAreNoneAreInconclusive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vendors func(*sandbox.Config)
		fault   string
		outcome string
	}{
		"no pictures":      {outcome: sandbox.CaptureBroken},
		"nobody in them":   {outcome: sandbox.CaptureNoFace},
		"addresses":        {vendors: func(c *sandbox.Config) { c.Sino.Pictures = sandbox.PicturesURL }, outcome: sandbox.CaptureSame},
		"an answer of MiB": {fault: sandbox.FaultHuge, outcome: sandbox.CaptureSame},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newChipStack(t, options{vendors: c.vendors})
			p := s.person()
			v := s.begun("cn-chip-capture", s.scan(p, ""))
			v = s.untilLink(v.ID, 20*time.Second)
			if c.fault != "" {
				s.fault(sandbox.Fault{Vendor: sandbox.SinoConnect, Operation: "face-rec/callback", Kind: c.fault, Times: 1})
			}
			s.capture(v, c.outcome, p)
			v = s.untilReview(v.ID, 40*time.Second)
			require.Equal(t, verification.Inconclusive, find(t, v, verification.FaceMatch).Status)
			require.Contains(t, reasonsOf(find(t, v, verification.FaceMatch).Reasons), string(verification.FaceNotCompared))
			require.Zero(t, s.vendors.Ledger().Count(sandbox.Query{Flag: sandbox.FlagURLSent}))
		})
	}
}
