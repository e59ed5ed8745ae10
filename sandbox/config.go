package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"
)

// Vendor names as they stand in faults and in the ledger.
const (
	Tencent     = "tencent"
	TencentIAI  = "tencent_iai"
	AceData     = "acedata"
	SinoConnect = "sino_connect"
	Megvii      = "megvii"
)

// Config is everything that can be set on the stand-ins. Start from
// DefaultConfig; New fills in what is left at zero.
type Config struct {
	// PublicURL is the address at which a browser reaches the sandbox, such as
	// "http://127.0.0.1:8090". Empty: taken from the Host of the vendor call,
	// which is right as long as caller and browser use the same address.
	PublicURL string
	Tencent   TencentConfig
	IAI       IAIConfig
	AceData   AceDataConfig
	Sino      SinoConfig
	Megvii    MegviiConfig
	// People are known to the authority's records beside the embedded fixtures.
	People []Person
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// Logger gets one line a vendor call, without personal data; nil discards.
	Logger *slog.Logger
}

// TencentConfig sets the stand-in of Tencent Cloud FaceID (E证通 and the records).
type TencentConfig struct {
	Credentials []Credential
	MerchantIDs []string
	// TokenTTL is the life of an unfinished EidToken (vendor: 600 s).
	TokenTTL time.Duration
	// ResultTTL is how long a result can be pulled, from the token's creation
	// (vendor: 3 days).
	ResultTTL time.Duration
	// EarlyResult is what GetEidResult answers before the person is done; the
	// vendor's papers allow both: EarlyNulls or EarlyCode17.
	EarlyResult string
	// TimedOutResult is what GetEidResult answers for a token that ran out
	// unfinished; undocumented: TimedOutExpired, TimedOutCode15 or TimedOutEarly.
	TimedOutResult string
	// MerchantPublicKey is the merchant's SM2 key, hex of 04||X||Y. Empty: the
	// vendor does not return identities, DesKey and UserInfo are empty strings.
	MerchantPublicKey string
	// DesKeyForm is the encoding of the wrapped session key; the vendor's papers
	// do not say which: DesKeyRaw04, DesKeyRaw, DesKeyDER or DesKeyC1C2C3.
	DesKeyForm string
	// UserInfoFill is what fills the last SM4 block: FillPKCS7 or FillNUL.
	UserInfoFill string
	// EidInfoOnlyWithAll leaves EidInfo out unless InfoType asks for everything.
	EidInfoOnlyWithAll bool
	// LinkUsedBy says which act uses up the single-use link: LinkUsedByBegin or
	// LinkUsedByOpen. With the former, a link that was looked at but not begun
	// still works, as the status "init" suggests.
	LinkUsedBy string
	// RecordsSilent leaves the descriptions of CheckIdNameDate empty, whose texts
	// the papers do not fix; RecordsNumeric sends its Result as a number.
	RecordsSilent, RecordsNumeric bool
	// MiniStatus is how CheckEidTokenStatus answers for a session that began in a mini
	// program: MiniStatusMoves, MiniStatusStuck or MiniStatusError. MiniOnly leaves the
	// link out of GetEidToken's answer.
	MiniStatus string
	MiniOnly   bool
	// SealedOnly refuses personal fields that are not sealed. Without it, both are
	// taken.
	SealedOnly bool
	// SealedIV is the form in which the IV of sealed fields is read: SealedIVBase64
	// or SealedIVText.
	SealedIV string
	// Limits in calls a second, an account and action.
	TokenRate, ResultRate, StatusRate, RecordsRate float64
}

// Credential is one API key pair of the account.
type Credential struct{ SecretID, SecretKey string }

// AceDataConfig sets the stand-in of AceData's check-2e.
type AceDataConfig struct {
	// Tokens are accepted; ExpiredTokens answer token_expired; OtherServiceTokens
	// belong to another service and answer token_mismatched.
	Tokens, ExpiredTokens, OtherServiceTokens []string
	// MismatchStatus is the HTTP status of token_mismatched, 400 or 401: the
	// vendor's pages disagree.
	MismatchStatus int
	// Profile is the list of result codes: ProfileAceDataDoc or ProfileCheckIDNameDate.
	Profile string
	// ErrorStyle is ErrorPlain or ErrorSuccessFalse.
	ErrorStyle string
	// English gives descriptions in English instead of Chinese.
	English bool
	// NumericResult sends `result` as a JSON number instead of a string.
	NumericResult bool
	// OmitTraceIDWhenLimited leaves trace_id out of 429 rate_limited answers.
	OmitTraceIDWhenLimited bool
	// Rate is the limit in calls a second and token (gateway default: 60).
	Rate float64
	// UsedUpAfter is the number of calls after which a token's balance is used up
	// (403 used_up); 0 means never.
	UsedUpAfter int
	// SlowDelay is how long the forced outcome "slow" waits.
	SlowDelay time.Duration
}

// Values of the switches above.
const (
	EarlyNulls  = "nulls"
	EarlyCode17 = "code17"

	TimedOutExpired = "expired" // API error InvalidParameterValue.BizTokenExpired
	TimedOutCode15  = "code15"  // Text.ErrCode 15
	TimedOutEarly   = "early"   // as EarlyResult says

	DesKeyRaw04  = "raw04"  // 04||C1||C3||C2, 113 bytes
	DesKeyRaw    = "raw"    // C1||C3||C2, 112 bytes
	DesKeyDER    = "der"    // ASN.1, as GM/T 0009 has it
	DesKeyC1C2C3 = "c1c2c3" // 04||C1||C2||C3, the older order

	FillPKCS7 = "pkcs7"
	FillNUL   = "nul"

	SealedIVBase64 = "base64"
	SealedIVText   = "text" // the characters are the bytes

	LinkUsedByBegin = "begin"
	LinkUsedByOpen  = "open"

	ProfileAceDataDoc      = "acedata-doc"
	ProfileCheckIDNameDate = "tencent-checkidnamedate"

	ErrorPlain        = "plain"
	ErrorSuccessFalse = "success_false"
)

// Credentials of DefaultConfig. They open nothing but the sandbox.
const (
	DefaultSecretID     = "AKIDsandbox0000000000000000000000000"
	DefaultSecretKey    = "sandbox-secret-key"
	DefaultMerchantID   = "0NSJ000000000000000001"
	DefaultAceDataToken = "sandbox-acedata-token"
)

// DefaultConfig returns the settings with which the local stack runs: the
// documented limits and lifetimes, and of each undocumented pair of habits the
// likelier one.
func DefaultConfig() Config {
	return Config{
		Tencent: TencentConfig{
			Credentials:    []Credential{{DefaultSecretID, DefaultSecretKey}},
			MerchantIDs:    []string{DefaultMerchantID},
			TokenTTL:       600 * time.Second,
			ResultTTL:      3 * 24 * time.Hour,
			EarlyResult:    EarlyNulls,
			TimedOutResult: TimedOutExpired,
			DesKeyForm:     DesKeyRaw04,
			UserInfoFill:   FillPKCS7,
			LinkUsedBy:     LinkUsedByBegin,
			SealedIV:       SealedIVBase64,
			MiniStatus:     MiniStatusStuck,
			TokenRate:      100,
			ResultRate:     100,
			StatusRate:     2000,
			RecordsRate:    20,
		},
		AceData: AceDataConfig{
			Tokens:             []string{DefaultAceDataToken},
			ExpiredTokens:      []string{DefaultAceDataToken + "-expired"},
			OtherServiceTokens: []string{DefaultAceDataToken + "-other-service"},
			MismatchStatus:     400,
			Profile:            ProfileCheckIDNameDate,
			ErrorStyle:         ErrorPlain,
			Rate:               60,
			SlowDelay:          5 * time.Second,
		},
		IAI:    defaultIAI(),
		Sino:   defaultSino(),
		Megvii: defaultMegvii(),
		Clock:  time.Now,
	}
}

func orElse[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// withDefaults fills in what must not be zero. Credentials, merchants and tokens
// stay as they are: an empty list is a vendor that lets nobody in.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	t, a := &c.Tencent, &c.AceData
	orElse(&t.TokenTTL, d.Tencent.TokenTTL)
	orElse(&t.ResultTTL, d.Tencent.ResultTTL)
	orElse(&t.EarlyResult, d.Tencent.EarlyResult)
	orElse(&t.TimedOutResult, d.Tencent.TimedOutResult)
	orElse(&t.DesKeyForm, d.Tencent.DesKeyForm)
	orElse(&t.UserInfoFill, d.Tencent.UserInfoFill)
	orElse(&t.LinkUsedBy, d.Tencent.LinkUsedBy)
	orElse(&t.SealedIV, d.Tencent.SealedIV)
	orElse(&t.MiniStatus, d.Tencent.MiniStatus)
	orElse(&t.TokenRate, d.Tencent.TokenRate)
	orElse(&t.ResultRate, d.Tencent.ResultRate)
	orElse(&t.StatusRate, d.Tencent.StatusRate)
	orElse(&t.RecordsRate, d.Tencent.RecordsRate)
	orElse(&a.MismatchStatus, d.AceData.MismatchStatus)
	orElse(&a.Profile, d.AceData.Profile)
	orElse(&a.ErrorStyle, d.AceData.ErrorStyle)
	orElse(&a.Rate, d.AceData.Rate)
	orElse(&a.SlowDelay, d.AceData.SlowDelay)
	c.IAI = c.IAI.withDefaults()
	c.Sino = c.Sino.withDefaults()
	c.Megvii = c.Megvii.withDefaults()
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate reports every setting that makes no sense, all at once, by its name.
func (c Config) Validate() error {
	c = c.withDefaults()
	faults := slices.Concat(c.IAI.faults(), c.Sino.faults(), c.Megvii.faults())
	oneOf := func(name, value string, allowed ...string) {
		if err := mustBeOneOf(name, value, allowed...); err != nil {
			faults = append(faults, err)
		}
	}
	oneOf("Tencent.EarlyResult", c.Tencent.EarlyResult, EarlyNulls, EarlyCode17)
	oneOf("Tencent.TimedOutResult", c.Tencent.TimedOutResult, TimedOutExpired, TimedOutCode15, TimedOutEarly)
	oneOf("Tencent.DesKeyForm", c.Tencent.DesKeyForm, DesKeyRaw04, DesKeyRaw, DesKeyDER, DesKeyC1C2C3)
	oneOf("Tencent.UserInfoFill", c.Tencent.UserInfoFill, FillPKCS7, FillNUL)
	oneOf("Tencent.LinkUsedBy", c.Tencent.LinkUsedBy, LinkUsedByBegin, LinkUsedByOpen)
	oneOf("Tencent.MiniStatus", c.Tencent.MiniStatus, MiniStatusMoves, MiniStatusStuck, MiniStatusError)
	oneOf("Tencent.SealedIV", c.Tencent.SealedIV, SealedIVBase64, SealedIVText)
	oneOf("AceData.Profile", c.AceData.Profile, ProfileAceDataDoc, ProfileCheckIDNameDate)
	oneOf("AceData.ErrorStyle", c.AceData.ErrorStyle, ErrorPlain, ErrorSuccessFalse)
	if c.AceData.MismatchStatus != 400 && c.AceData.MismatchStatus != 401 {
		faults = append(faults, errors.New("sandbox: AceData.MismatchStatus must be 400 or 401"))
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			faults = append(faults, errors.New("sandbox: PublicURL must be an http or https address"))
		}
	}
	if c.Tencent.MerchantPublicKey != "" {
		if _, err := parseSM2PublicKey(c.Tencent.MerchantPublicKey); err != nil {
			faults = append(faults, fmt.Errorf("sandbox: Tencent.MerchantPublicKey: %w", err))
		}
	}
	for i, p := range c.People {
		if err := p.check(); err != nil {
			faults = append(faults, fmt.Errorf("sandbox: People[%d]: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

func mustBeOneOf[T comparable](name string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("sandbox: %s must be one of %v", name, allowed)
}
