package verification

// Card is what was read from a document's chip, as far as a verification
// needs it. It is personal data: it rests sealed in the store and passes
// nowhere else but to vendors. What else a chip holds (address, ethnicity,
// issuer) is not asked for and not kept.
type Card struct {
	Name     string   `json:"name"`
	IDNumber string   `json:"id_number"`
	Validity Validity `json:"validity"`
	// Sex as the chip tells it, "m" or "f"; empty: not told.
	Sex string `json:"sex,omitempty"`
	// BirthDate as the chip tells it, YYYYMMDD; empty: not told.
	BirthDate string `json:"birth_date,omitempty"`
	// Portrait is the chip's picture. It rests apart from the rest of the card,
	// only if the policy compares it, and no longer than a session may need it.
	Portrait []byte `json:"-"`
}

// Subject is the chip's holder as the person that a verification is about.
func (c Card) Subject() Subject {
	return Subject{Name: c.Name, IDNumber: c.IDNumber, IDValidity: c.Validity}
}

// String and GoString keep a card that strays into a log or an error from
// telling whose it is.
func (Card) String() string   { return "[card]" }
func (Card) GoString() string { return "[card]" }
