package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Megvii configures Megvii FaceID; it is enabled when one of its credentials
// is set, and then both must be.
type Megvii struct {
	APIKey         string `env:"API_KEY" secret:"all" help:"Enables megvii_faceid: the API key,"`
	APISecret      string `env:"API_SECRET" secret:"all" help:"and its secret, which also signs the callbacks."`
	PreviousSecret string `env:"PREVIOUS_SECRET" secret:"all" help:"While the secret is changed: the old one, which still verifies callbacks."`
	BaseURL        string `env:"BASE_URL" envDefault:"https://api.megvii.com" help:"Where the service is, without the calls' paths. https, but on loopback."`
	SceneID        string `env:"SCENE_ID" help:"A scene of the vendor's console, whose settings win over these."`

	ProcedureType       string `env:"PROCEDURE_TYPE" help:"The kind of liveness check: video, still, flash, meglive_flash, selfie, or will, which also asks for the person's intention. Without it the scene's."`
	ProcedurePriority   string `env:"PROCEDURE_PRIORITY" help:"What a browser falls back to: video, still, or keep for nothing."`
	LivenessPreferences string `env:"LIVENESS_PREFERENCES" help:"none, video_strict, still_strict or selfie_no_metadata_check."`
	FMPMode             string `env:"FMP_MODE" envDefault:"0" help:"0: a face that looks faked is no pass; 1: the scores are only told. We look at them either way."`
	ThresholdKey        string `env:"THRESHOLD_KEY" envDefault:"1e-4" help:"The false-accept rate whose threshold, as each answer brings it, a face must reach: 1e-4, 1e-5 or 1e-6."`
	AllowLowThreshold   bool   `env:"ALLOW_LOW_THRESHOLD" envDefault:"false" help:"Whether 1e-3, the vendor's border to another person, may be that rate."`
	ReturnMethod        string `env:"RETURN_METHOD" envDefault:"POST" help:"How a browser comes back: POST, with signed data, or GET."`
	WebTitle            string `env:"WEB_TITLE" help:"The page's title, at most 32 bytes."`

	Timeout   time.Duration `env:"TIMEOUT" envDefault:"10s" help:"For one call."`
	LookAfter time.Duration `env:"LOOK_AFTER" envDefault:"30s" help:"How long after a session's expiry its result is looked up, if nobody told it. The vendor answers three look-ups a session."`
}

// Enabled reports whether a credential is set.
func (m Megvii) Enabled() bool { return m.APIKey != "" || m.APISecret != "" }

// check holds what can be said of the settings alone; the vendor's package
// says the rest.
func (m Megvii) check() []error {
	if !m.Enabled() {
		return nil
	}
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for name, value := range map[string]string{"API_KEY": m.APIKey, "API_SECRET": m.APISecret} {
		if value == "" {
			bad("YANZHEN_MEGVII_%s is not set, but the other of Megvii's credentials is: set both or none", name)
		}
	}
	if why := webAddress(m.BaseURL); why != "" {
		bad("YANZHEN_MEGVII_BASE_URL %s", why)
	}
	if m.Timeout <= 0 || m.Timeout > maxOpening {
		bad("YANZHEN_MEGVII_TIMEOUT must be more than 0 and at most %s", maxOpening)
	}
	if m.LookAfter <= 0 {
		bad("YANZHEN_MEGVII_LOOK_AFTER must be more than 0")
	}
	return faults
}

// Switches are the face vendors' configured switches. One that an operator
// throws (yanzhen provider) can only close further.
type Switches struct {
	Tencent string `env:"TENCENT_SWITCH" envDefault:"on" help:"on; drain: no new sessions, open ones finish; off: tencent_eid is not called at all. yanzhen provider does the same without a restart."`
	Megvii  string `env:"MEGVII_SWITCH" envDefault:"on" help:"The same for megvii_faceid,"`
	Sino    string `env:"SINO_SWITCH" envDefault:"on" help:"and for the face sessions of sino_connect."`
}

// ByProvider returns them by the providers' names.
func (s Switches) ByProvider() map[string]string {
	return map[string]string{"tencent_eid": s.Tencent, "megvii_faceid": s.Megvii, "sino_connect": s.Sino}
}

// SwitchStates are what a switch can say.
var SwitchStates = []string{"on", "drain", "off"}

func (s Switches) check() []error {
	var faults []error
	for name, state := range map[string]string{"TENCENT": s.Tencent, "MEGVII": s.Megvii, "SINO": s.Sino} {
		if !slices.Contains(SwitchStates, state) {
			faults = append(faults, fmt.Errorf("YANZHEN_%s_SWITCH must be one of %s", name, strings.Join(SwitchStates, ", ")))
		}
	}
	return faults
}
