package verification_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/yanzhen-id/yanzhen/verification"
)

func goodPolicy() Policy {
	p := DefaultPolicy()
	p.Name = "cn-resident"
	p.Checks = map[CheckType]Requirement{DocumentValidity: Required, IdentityRecords: Required, HolderMatch: IfAvailable, Liveness: Required, FaceMatch: Required}
	p.FaceProviders = []string{"tencent_eid"}
	p.RecordsProviders = []string{"acedata"}
	return p
}

func TestTheDesignsPolicyIsValid(t *testing.T) {
	p := goodPolicy()
	require.NoError(t, p.Validate())
	require.Equal(t, 3, p.Attempts)
	require.Equal(t, 6, p.Sessions)
	require.Equal(t, 3, p.RecordsDailyCap)
	require.Equal(t, 12, p.SessionsDailyCap)
	require.Equal(t, 30*time.Minute, p.StartPatience.Std())
	require.Equal(t, 30*time.Minute, p.RetryWindow.Std())
	require.Equal(t, 24*time.Hour, p.RecordsPatience.Std())
	require.Equal(t, 24*time.Hour, p.LastLookPatience.Std())
	require.Equal(t, 7*24*time.Hour, p.ReviewDeadline.Std())
	require.Equal(t, SuspicionReview, p.Suspicion)
	require.Equal(t, UnknownRetry, p.UnknownCharge)
	require.Equal(t, Parallel, p.RecordsWhen)
}

func TestEachFaultOfAPolicyNamesItsSetting(t *testing.T) {
	for setting, spoil := range map[string]func(*Policy){
		"name":                        func(p *Policy) { p.Name = "" },
		"version":                     func(p *Policy) { p.Version = 0 },
		`checks: "blood" is no check`: func(p *Policy) { p.Checks["blood"] = Off },
		"checks.liveness":             func(p *Policy) { p.Checks[Liveness] = "maybe" },
		"at least one must be required": func(p *Policy) {
			p.Checks = map[CheckType]Requirement{DocumentValidity: IfAvailable}
			p.FaceProviders = nil
			p.RecordsProviders = nil
		},
		"face_providers":              func(p *Policy) { p.FaceProviders = nil },
		"records_providers":           func(p *Policy) { p.RecordsProviders = nil },
		"records_providers names one": func(p *Policy) { p.RecordsProviders = []string{"acedata", "other", "acedata"} },
		"face_providers names one":    func(p *Policy) { p.FaceProviders = []string{"a", "a"} },
		"presentation: mini_program": func(p *Policy) {
			p.Presentation, p.FaceProviders = PresentationMiniProgram, nil
			p.Checks = map[CheckType]Requirement{IdentityRecords: Required}
		},
		"presentation":                            func(p *Policy) { p.Presentation = "mail" },
		"link_life":                               func(p *Policy) { p.LinkLife = 0 },
		"human_route":                             func(p *Policy) { p.HumanRoute = "http://shop.example/human" },
		`consents: "everything"`:                  func(p *Policy) { p.Consents = []Purpose{"everything"} },
		"consents: face stands twice":             func(p *Policy) { p.Consents = []Purpose{PurposeFace, PurposeFace} },
		"consents must name face too":             func(p *Policy) { p.Consents = []Purpose{PurposeIdentityRecords} },
		"consents must name identity_records too": func(p *Policy) { p.Consents = []Purpose{PurposeFace} },
		"consents must name document_chip too": func(p *Policy) {
			p.Checks[DocumentChip], p.ChipProvider, p.Consents = Required, "chip", []Purpose{PurposeFace, PurposeIdentityRecords}
		},
		"consents must name portrait_comparison too": func(p *Policy) {
			p.Checks[DocumentChip], p.ChipProvider, p.Comparer = Required, "chip", "comparer"
			p.Consents = []Purpose{PurposeDocumentChip, PurposeFace, PurposeIdentityRecords}
		},
		"abroad":             func(p *Policy) { p.Abroad = "perhaps" },
		"records_when":       func(p *Policy) { p.RecordsWhen = "" },
		"unknown_charge":     func(p *Policy) { p.UnknownCharge = "maybe" },
		"suspicion":          func(p *Policy) { p.Suspicion = "" },
		"attempts":           func(p *Policy) { p.Attempts = 0 },
		"sessions":           func(p *Policy) { p.Sessions = 2 },
		"records_daily_cap":  func(p *Policy) { p.RecordsDailyCap = 0 },
		"sessions_daily_cap": func(p *Policy) { p.SessionsDailyCap = 0 },
		"start_patience":     func(p *Policy) { p.StartPatience = 0 },
		"records_patience":   func(p *Policy) { p.RecordsPatience = -1 },
		"last_look_patience": func(p *Policy) { p.LastLookPatience = 0 },
		"retry_window":       func(p *Policy) { p.RetryWindow = 0 },
		"review_deadline":    func(p *Policy) { p.ReviewDeadline = 0 },
	} {
		p := goodPolicy()
		spoil(&p)
		require.ErrorContains(t, p.Validate(), setting)
	}
}

func TestFaceProvidersWithoutAFaceCheckAreAFault(t *testing.T) {
	p := goodPolicy()
	p.Checks[Liveness], p.Checks[FaceMatch] = Off, Off
	require.ErrorContains(t, p.Validate(), "face_providers")
	p.FaceProviders = nil
	require.NoError(t, p.Validate())
	require.False(t, p.WantsFace())
}

func TestAPolicysFaultsAreReportedTogether(t *testing.T) {
	err := Policy{}.Validate()
	for _, setting := range []string{"name", "version", "checks", "records_when", "unknown_charge", "suspicion", "attempts", "records_daily_cap", "sessions_daily_cap", "start_patience", "review_deadline"} {
		require.ErrorContains(t, err, setting)
	}
}

func TestNoExecutionIsShorterThanThePolicysClocksTogether(t *testing.T) {
	p := goodPolicy()
	session := 10 * time.Minute
	face := time.Duration(p.Sessions) * (p.StartPatience.Std() + session + p.LastLookPatience.Std() + p.RetryWindow.Std())
	require.GreaterOrEqual(t, p.Longest(session), face+p.ReviewDeadline.Std())
	require.GreaterOrEqual(t, p.Longest(session), (p.RecordsPatience + p.ReviewDeadline).Std())
	p.RecordsWhen = AfterFace
	require.GreaterOrEqual(t, p.Longest(session), face+(p.RecordsPatience+p.ReviewDeadline).Std())
}
