package residentid

// Code names one rule and what came of it. Codes are stable.
type Code string

// Hard codes: the data is malformed, or (CardExpired) the card is no longer
// valid. None of them may reach a charged vendor.
const (
	OK                  Code = "ok"
	IDLength            Code = "id_length"
	IDCharset           Code = "id_charset"
	Legacy15Digit       Code = "legacy_15_digit"
	IDProvinceUnknown   Code = "id_province_unknown"
	IDBirthInvalid      Code = "id_birth_invalid"
	IDBirthFuture       Code = "id_birth_future"
	IDChecksum          Code = "id_checksum"
	UnsupportedDocument Code = "unsupported_document"
	NameEmpty           Code = "name_empty"
	NameCharset         Code = "name_charset"
	NameSeparator       Code = "name_separator"
	NameLength          Code = "name_length"
	ValidityMalformed   Code = "validity_malformed"
	ValidityImpossible  Code = "validity_impossible"
	ValidityTermUnknown Code = "validity_term_unknown"
	CardExpired         Code = "card_expired"
)

// Soft codes. The first four cost the automatic approval, the others are only
// reported.
const (
	ValidityAgeMismatch Code = "validity_age_mismatch"
	ChipBirthMismatch   Code = "chip_birth_mismatch"
	ChipSexMismatch     Code = "chip_sex_mismatch"
	ChipBefore2004      Code = "chip_before_2004"

	CardExpiring   Code = "card_expiring"
	SequenceZero   Code = "sequence_zero"
	NamePrivateUse Code = "name_private_use"
	// NameShort: one character. Rare, not impossible.
	NameShort Code = "name_short"
)

// Field is where a fault lies, in the words of the HTTP request.
type Field string

const (
	FieldNumber Field = "subject.id_number"
	FieldName   Field = "subject.name"
	FieldFrom   Field = "subject.id_validity.from"
	FieldTo     Field = "subject.id_validity.to"
)

// Fault is a hard finding in one field. It never holds the value.
type Fault struct {
	Field Field `json:"field"`
	Code  Code  `json:"code"`
}

// Findings is what the rules say of a card.
type Findings struct {
	// Malformed holds the first hard finding of every field that has one, in
	// the order number, name, from, to.
	Malformed []Fault
	// Expired: the last day is before today. It may stand beside Malformed,
	// which then counts.
	Expired bool
	// Soft holds every soft finding.
	Soft []Code
}

// Code is the findings in one word: the first hard code, or OK.
func (f Findings) Code() Code {
	switch {
	case len(f.Malformed) > 0:
		return f.Malformed[0].Code
	case f.Expired:
		return CardExpired
	}
	return OK
}
