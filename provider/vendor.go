package provider

import (
	"context"
	"log/slog"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// What a vendor can be asked for.
const (
	KindFace     = "face"
	KindRecords  = "records"
	KindChip     = "chip"
	KindComparer = "comparer"
)

// Vendor describes a vendor to the rest of the product, which ranges over a
// list of them and knows none by name.
type Vendor struct {
	// Name as policies, routes and callbacks call it, e.g. "tencent_eid".
	Name string
	// Kinds are what it is asked for. Face and records vendors have a switch; a face
	// vendor has pages to which people go and from which they come back.
	Kinds []string
	// Settings makes an empty one, to be filled from the environment.
	Settings func() Settings
	// MiniProgram: its face sessions can begin in a WeChat mini program. The entry
	// in the registry says how (FaceVendor.MiniProgram).
	MiniProgram bool
	// Remedies tell an operator what to do about a class of its errors.
	Remedies map[Class]string
	// Parties are what consent texts say of it, by language (zh-CN, en).
	Parties map[string]Party
	// Jurisdiction is where it processes what it is told, as a code of ISO 3166-1;
	// Unconfirmed as long as nobody knows.
	Jurisdiction string
	// Sends are its calls, with what they tell it of the person; Takes is what the
	// person gives it besides, on its own page or in its own program.
	Sends []Sending
	Takes []Datum
}

// Sending is a call that sends personal data to a vendor.
type Sending struct {
	// Operation as the vendor calls it, and Purpose what the person agrees to with
	// it.
	Operation string
	Purpose   verification.Purpose
	// Fields say what of the person stands where, by the contract's names.
	Fields []Field
}

// Field is a field of a vendor's call, and what of a person it holds.
type Field struct {
	Name  string
	Holds Datum
}

// Datum is a kind of personal data that is sent to a vendor.
type Datum string

const (
	DatumName     Datum = "name"
	DatumNumber   Datum = "ID number"
	DatumValidity Datum = "the card's validity dates"
	DatumPortrait Datum = "the chip's portrait"
	DatumFace     Datum = "the captured face"
	DatumScan     Datum = "the id of the chip scan"
	DatumSession  Datum = "the id of the face session"
	DatumID       Datum = "our id of the verification"
	DatumReturn   Datum = "our address for the way back, with a ticket"
)

// Jurisdictions. Hong Kong, Macau and Taiwan have codes of their own, and count as
// abroad where personal data leaves the mainland.
const (
	Mainland    = "CN"
	Unconfirmed = ""
)

// Abroad: it is outside the Chinese mainland, or nobody knows where it is.
func (v Vendor) Abroad() bool { return v.Jurisdiction != Mainland }

// Party is a vendor as a person reads of it who is asked to agree.
type Party struct {
	Name string `yaml:"name"`
	// Country is where it is, and Keeps what it keeps for how long.
	Country string `yaml:"country"`
	Keeps   string `yaml:"keeps"`
}

// Settings are the settings of a vendor, a pointer to a struct with the tags
// of internal/settings. Its needed values switch the vendor on, and its
// addresses are the hosts that are called.
type Settings interface {
	// Validate reports every error at once, by the variables' names.
	Validate() error
	// Register makes the vendor's client and enters it in the registry.
	Register(r *Registry, log *slog.Logger) error
}

// Switch is the configured switch of a face or records vendor, a part of its settings. One
// that an operator throws (yanzhen provider) can only close further.
type Switch struct {
	Switch string `env:"SWITCH" envDefault:"on" help:"on; drain: nothing new is begun, open sessions finish; off: nothing is asked for at all. yanzhen provider does the same without a restart."`
}

// State is one of SwitchStates.
func (s *Switch) State() *string { return &s.Switch }

// SwitchStates are what a switch can say.
var SwitchStates = []string{"on", "drain", "off"}

// Switched are the Settings of a vendor that has a switch.
type Switched interface{ State() *string }

// Prober are the Settings of a vendor whose contract names a call that costs
// nothing and tells whether the credentials work.
type Prober interface {
	// Probe makes that call. Its error is an *Error: Misconfigured means that the
	// vendor does not take the credentials.
	Probe(ctx context.Context) error
}

// TokenInspector is a chip vendor's Settings that can tell, without opening
// it, how a chip token is encrypted. They need not be complete.
type TokenInspector interface {
	// InspectToken describes a token; accepted: the settings would take it.
	InspectToken(token string) (description string, accepted bool, err error)
}

// The most that a vendor's call may take: below what its step has (workflows),
// which is 12 s where a session is opened or looked at and 20 s elsewhere; and
// below the 20 s of a worker that stops.
const (
	MaxOpening = 11 * time.Second
	MaxCall    = 18 * time.Second
)
