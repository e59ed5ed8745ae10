package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"
)

const (
	tencentService = "faceid"
	tencentVersion = "2018-03-01"
)

// tencentEnvelope wraps every answer; HTTP is 200 whatever it says.
func tencentEnvelope(fields map[string]any, outcome string) answer {
	fields["RequestId"] = uuid.NewString()
	return jsonAnswer(http.StatusOK, map[string]any{"Response": fields}, outcome)
}

func (e *apiError) answer() answer {
	return tencentEnvelope(map[string]any{"Error": map[string]string{"Code": e.code, "Message": e.message}}, e.code)
}

func (s *Sandbox) handleTencent(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, Tencent, r.Header.Get("X-TC-Action"), s.tencentCall)
}

// tencentCall checks a call in the vendor's order (signature, action, version,
// rate) and hands it to its action.
func (s *Sandbox) tencentCall(c *call) answer {
	if c.r.Method != http.MethodPost {
		return (&apiError{"UnsupportedOperation", "This endpoint takes POST only."}).answer()
	}
	account, fault := verifyTC3(c.r, c.body, tencentService, c.now, s.secretKey)
	if fault != nil {
		return fault.answer()
	}
	action, known := map[string]struct {
		rate float64
		do   func(*call) answer
	}{
		"GetEidToken":         {s.cfg.Tencent.TokenRate, s.getEidToken},
		"CheckEidTokenStatus": {s.cfg.Tencent.StatusRate, s.checkEidTokenStatus},
		"GetEidResult":        {s.cfg.Tencent.ResultRate, s.getEidResult},
		"CheckIdNameDate":     {s.cfg.Tencent.RecordsRate, s.checkIDNameDate},
	}[c.operation]
	switch {
	case !known:
		return (&apiError{"InvalidAction", "The action does not exist."}).answer()
	case c.r.Header.Get("X-TC-Version") != tencentVersion:
		return (&apiError{"NoSuchVersion", "The version does not exist."}).answer()
	case !s.limits.allow(Tencent+"/"+account+"/"+c.operation, action.rate, c.now):
		return (&apiError{"RequestLimitExceeded", "The number of requests a second is over the limit of this action."}).answer()
	}
	return action.do(c)
}

func (s *Sandbox) secretKey(id string) (string, bool) {
	for _, c := range s.cfg.Tencent.Credentials {
		if c.SecretID == id {
			return c.SecretKey, true
		}
	}
	return "", false
}

type eidTokenRequest struct {
	MerchantId  *string
	IdCard      string
	Name        string
	Extra       string
	RedirectUrl string
	Config      struct {
		InputType string
		intentionConfig
	}
	Encryption *encryption
}

var idCardCharacters = regexp.MustCompile(`^[a-zA-Z0-9]*$`)

// fault finds what the vendor would refuse before it looks at the merchant.
func (q *eidTokenRequest) fault() *apiError {
	invalid := func(message string) *apiError { return &apiError{"InvalidParameter", message} }
	switch {
	case q.MerchantId == nil || *q.MerchantId == "":
		return &apiError{"MissingParameter", "MerchantId is required."}
	case utf8.RuneCountInString(*q.MerchantId) > 50:
		return invalid("MerchantId is longer than 50 characters.")
	case utf8.RuneCountInString(q.Name) > 32:
		return invalid("Name is longer than 32 characters.")
	case len(q.IdCard) > 32 || !idCardCharacters.MatchString(q.IdCard):
		return invalid("IdCard is longer than 32 characters or holds others than letters and digits.")
	case utf8.RuneCountInString(q.Extra) > 1024:
		return invalid("Extra is longer than 1024 characters.")
	case len(q.RedirectUrl) > 1024:
		return invalid("RedirectUrl is longer than 1024 characters.")
	case q.RedirectUrl != "" && !webAddress(q.RedirectUrl):
		return invalid("RedirectUrl is not an http or https address.")
	}
	switch q.Config.InputType {
	case "", "1", "2", "3":
	case "4":
		if q.Name == "" || q.IdCard == "" {
			return invalid("InputType 4 needs Name and IdCard.")
		}
	default:
		return invalid("InputType must be 1, 2, 3 or 4.")
	}
	if what := q.Config.fault(); what != "" {
		return invalid(what)
	}
	return nil
}

func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func (s *Sandbox) getEidToken(c *call) answer {
	var q eidTokenRequest
	if json.Unmarshal(c.body, &q) != nil {
		return (&apiError{"InvalidParameter", "The body is not JSON of the right types."}).answer()
	}
	if fault := s.unseal(c, q.Encryption, map[string]*string{"Name": &q.Name, "IdCard": &q.IdCard}); fault != nil {
		return fault.answer()
	}
	if fault := q.fault(); fault != nil {
		return fault.answer()
	}
	if !slices.Contains(s.cfg.Tencent.MerchantIDs, *q.MerchantId) {
		// The action's list has no code of its own for this; the nearest one.
		return (&apiError{"InvalidParameterValue.RuleIdNotExist", "The merchant id does not exist under this account."}).answer()
	}
	if p, known := s.people.find(q.IdCard); known && p.TencentOutcome != "" {
		if _, err := strconv.Atoi(p.TencentOutcome); err != nil {
			return (&apiError{p.TencentOutcome, "Forced for this person."}).answer()
		}
	}
	one := session{Name: q.Name, IdNumber: q.IdCard, Extra: q.Extra, Redirect: q.RedirectUrl}
	if q.IdCard == "" {
		// The person would scan or type the card; here it is the first fixture's.
		scanned := Fixtures()[0]
		one.Name, one.IdNumber = scanned.Name, scanned.IDNumber
	}
	if q.Config.UseIntentionVerify {
		one.Intention = q.Config.IntentionMode
		orElse(&one.Intention, "1")
	}
	c.idNumber, c.token = one.IdNumber, s.sessions.open(one, c.now)
	link := s.publicURL(c.r) + "/page/tencent/" + c.token
	if s.cfg.Tencent.MiniOnly {
		link = ""
	}
	return tencentEnvelope(map[string]any{"EidToken": c.token, "Url": link}, "ok")
}

// publicURL is where a browser finds the pages.
func (s *Sandbox) publicURL(r *http.Request) string {
	if s.cfg.PublicURL != "" {
		return s.cfg.PublicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// heldSession finds the session of a token in a request, or the API error that
// the vendor answers when there is none (any more).
func (s *Sandbox) heldSession(c *call, token *string) (session, *apiError) {
	if token == nil || *token == "" {
		return session{}, &apiError{"MissingParameter", "EidToken is required."}
	}
	one, known := s.sessions.find(*token, c.now)
	switch {
	case !known:
		return session{}, &apiError{"InvalidParameterValue.BizTokenIllegal", "The token is not known."}
	case !c.now.Before(one.Created.Add(s.cfg.Tencent.ResultTTL)):
		return session{}, &apiError{"InvalidParameterValue.BizTokenExpired", "The token has expired."}
	}
	return one, nil
}

func (s *Sandbox) checkEidTokenStatus(c *call) answer {
	var q struct{ EidToken *string }
	if json.Unmarshal(c.body, &q) != nil {
		return (&apiError{"InvalidParameter", "The body is not JSON of the right types."}).answer()
	}
	one, fault := s.heldSession(c, q.EidToken)
	if fault != nil {
		return fault.answer()
	}
	switch {
	case one.Mini && s.cfg.Tencent.MiniStatus == MiniStatusError:
		return (&apiError{"InvalidParameterValue.BizTokenIllegal", "The token is not known."}).answer()
	case one.Mini && s.cfg.Tencent.MiniStatus == MiniStatusStuck && one.Status != StatusTimeout:
		one.Status = StatusInit
	}
	return tencentEnvelope(map[string]any{"Status": one.Status}, one.Status)
}
