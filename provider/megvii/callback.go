package megvii

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/strictjson"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Why a callback is refused. The texts hold nothing of it.
var (
	errForm      = errors.New("megvii: the callback must have exactly one data and one sign")
	errForged    = errors.New("megvii: the callback's sign is wrong")
	errMalformed = errors.New("megvii: the callback's data does not match the contract")
	errForeign   = errors.New("megvii: the callback is for another session")
	errHandle    = errors.New("megvii: the session's handle cannot be read")
)

const opCallback = "megvii.callback"

// Verify authenticates a notification, or a return by POST, which carry the
// same fields. A return by GET carries biz_id alone and proves no more than
// that the page knew it: nil without an error. So does data that Judge finds
// no result in: kept, it would stand in the way of a judgement that follows.
//
// A biz_no of this session that its handle does not know is of a get_token
// call whose answer was lost, and as good as the other: its biz_id is not
// known, so only the vendor's signature stands for it.
func (c *Client) Verify(s provider.FaceSession, form url.Values) ([]byte, error) {
	data, sign := form["data"], form["sign"]
	if len(data) == 0 && len(sign) == 0 {
		return nil, returned(s, form["biz_id"])
	}
	if len(data) != 1 || len(sign) != 1 {
		return nil, errForm
	}
	if !c.signed(data[0], sign[0]) {
		return nil, errForged
	}
	a, h, err := ofSession(s, []byte(data[0]))
	if err != nil {
		return nil, err
	}
	if _, err := c.judge(a, h); errors.Is(err, provider.ErrNoResult) {
		return nil, nil
	}
	return []byte(data[0]), nil
}

// Judge reads the result out of signed data. ErrNoResult: an ending without a
// judgement of a link that the person was never shown; or the flow is not
// over. Other errors are ContractViolation.
func (c *Client) Judge(s provider.FaceSession, data []byte) (verification.FaceResult, error) {
	a, h, err := ofSession(s, data)
	if err != nil {
		return verification.FaceResult{}, newError(opCallback, violated, "data")
	}
	return c.judge(a, h)
}

func (c *Client) judge(a answer, h handle) (verification.FaceResult, error) {
	shown := a.BizInfo.BizNo.text == h.BizNo
	asked := h.asked
	if h.BizNo == "" {
		asked = c.asks()
	}
	result := a.judge(asked, c.cfg.ThresholdKey)
	// An unknown status is inconclusive where it ends the person's own session;
	// of another one it must not end this.
	if !a.over() || !shown && (!result.Judged || a.Status.text != ok) {
		return verification.FaceResult{}, provider.ErrNoResult
	}
	return result, nil
}

// signed compares sign with SHA-1 of secret and data, in constant time, under
// both secrets while one is being changed. It is no HMAC: whoever saw one pair
// can append bytes to data and sign them, so nothing may follow the JSON
// value.
func (c *Client) signed(data, sign string) bool {
	match := signedWith(c.cfg.APISecret, data, sign)
	if c.cfg.PreviousSecret != "" { // everybody can sign with an empty one
		match |= signedWith(c.cfg.PreviousSecret, data, sign)
	}
	return match == 1
}

func signedWith(secret, data, sign string) int {
	sum := sha1.Sum([]byte(secret + data))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(sign))
}

// returned checks what a browser brought that was sent back by GET.
func returned(s provider.FaceSession, bizID []string) error {
	h, err := openHandle(s)
	switch {
	case err != nil:
		return err
	case len(bizID) != 1:
		return errForm
	case h.BizID == "" || subtle.ConstantTimeCompare([]byte(bizID[0]), []byte(h.BizID)) != 1:
		return errForeign
	}
	return nil
}

// ofSession parses data and holds it against its session.
func ofSession(s provider.FaceSession, data []byte) (answer, handle, error) {
	h, err := openHandle(s)
	if err != nil {
		return answer{}, h, err
	}
	a, err := parseAnswer(data)
	if err != nil {
		return answer{}, h, errMalformed
	}
	bizNo, bizID := a.BizInfo.BizNo.text, a.BizInfo.BizID.text
	random, found := strings.CutPrefix(bizNo, bizNoPrefix(s.VerificationID, s.Session))
	if !found || !randomPart.MatchString(random) || bizID == "" || (bizNo == h.BizNo) != (bizID == h.BizID) {
		return answer{}, h, errForeign
	}
	return a, h, nil
}

// randomPart is the form of rand.Text. A prefix alone would take the biz_no
// of a verification whose id continues ours.
var randomPart = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// parseAnswer reads an answer or a callback's data: one JSON object and
// nothing behind it, each member once.
func parseAnswer(text []byte) (answer, error) {
	var a answer
	if err := strictjson.CheckFolded(text); err != nil {
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}

// over reports whether the flow ended, however.
func (a answer) over() bool { return a.Status.text != notStarted && a.Status.text != processing }
