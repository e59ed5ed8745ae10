package statement

import "time"

// TypeReceipt is a receipt's "typ".
const TypeReceipt = "yanzhen-erasure+jws"

// What became of what a vendor held.
const (
	// Erased: the vendor confirmed it.
	Erased = "erased"
	// OffersNone: the vendor has no call for it; its contract says how long it keeps
	// what.
	OffersNone = "offers_none"
	// Unconfirmed: the vendor was asked for a week and did not confirm.
	Unconfirmed = "unconfirmed"
	// NotConfigured: the vendor was taken out of the configuration since.
	NotConfigured = "not_configured"
)

// Receipt says what was erased where, and when.
type Receipt struct {
	Issuer         string `json:"iss"`
	VerificationID string `json:"sub"`
	// IssuedAt is in seconds since 1970, as RFC 7519 has it.
	IssuedAt int64 `json:"iat"`
	// Cause says why: request, person, client or retention.
	Cause string `json:"cause"`
	// ErasedAt is when the store let go of the person.
	ErasedAt time.Time `json:"erased_at"`
	Store    Store     `json:"store"`
	Engine   Engine    `json:"engine"`
	Vendors  []Vendor  `json:"vendors"`
	Backups  Backups   `json:"backups"`
	// Left says what is kept on.
	Left []string `json:"left"`
}

// Store says what was erased in the store.
type Store struct {
	// Kind is sqlite or postgres.
	Kind string `json:"kind"`
	// Erased are the places, e.g. "verifications.request".
	Erased []string `json:"erased"`
	// Files says when the bytes leave the store's own files.
	Files string `json:"files"`
	// FilesClearedAt is when they did, where the product itself can tell.
	FilesClearedAt *time.Time `json:"files_cleared_at"`
}

// Engine says what was erased in Temporal.
type Engine struct {
	// Histories that were deleted, and whose run it then did not know any more.
	Histories   int       `json:"histories"`
	ConfirmedAt time.Time `json:"confirmed_at"`
	// DeliveriesUnderWay are runs that still tell receivers of the verification's
	// events. They hold two ids, and leave with the namespace's retention.
	DeliveriesUnderWay int `json:"deliveries_under_way"`
}

// Vendor says what became of what a vendor held.
type Vendor struct {
	Name   string     `json:"name"`
	Result string     `json:"result"`
	At     *time.Time `json:"at"`
}

// Backups says when the last backup that holds the sealed data is gone, as the
// operator configured it; nil: nobody said.
type Backups struct {
	GoneBy *time.Time `json:"gone_by"`
}
