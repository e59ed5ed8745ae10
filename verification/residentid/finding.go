package residentid

// Code names one rule and what came of it. Codes are stable.
type Code string

// Hard codes: the data is malformed, or (CardExpired) the card is no longer
// valid. None of them may reach a charged vendor.
const (
	OK                  Code = "ok"
	IDLength            Code = "id_number.length"
	IDCharset           Code = "id_number.charset"
	Legacy15Digit       Code = "id_number.legacy_15_digits"
	IDProvinceUnknown   Code = "id_number.province_unknown"
	IDBirthInvalid      Code = "id_number.birth_date_invalid"
	IDBirthFuture       Code = "id_number.birth_date_future"
	IDChecksum          Code = "id_number.check_digit"
	UnsupportedDocument Code = "id_number.document_unsupported"
	NameEmpty           Code = "name.empty"
	NameCharset         Code = "name.charset"
	NameSeparator       Code = "name.separator"
	NameLength          Code = "name.length"
	ValidityMalformed   Code = "id_validity.malformed"
	ValidityImpossible  Code = "id_validity.impossible"
	ValidityTermUnknown Code = "id_validity.term_unknown"
	CardExpired         Code = "id_validity.expired"
)

// Soft codes. The first four cost the automatic approval, the others are only
// reported.
const (
	ValidityAgeMismatch Code = "id_validity.age_mismatch"
	ChipBirthMismatch   Code = "chip.birth_date_mismatch"
	ChipSexMismatch     Code = "chip.sex_mismatch"
	ChipBefore2004      Code = "chip.before_2004"

	CardExpiring   Code = "id_validity.expiring"
	SequenceZero   Code = "id_number.sequence_zero"
	NamePrivateUse Code = "name.private_use"
	// NameShort: one character. Rare, not impossible.
	NameShort Code = "name.short"
)

// Field is where a fault lies, in the words of the HTTP request.
type Field string

const (
	FieldNumber Field = "subject.id_number"
	FieldName   Field = "subject.name"
	FieldFrom   Field = "subject.id_validity.from"
	FieldTo     Field = "subject.id_validity.to"
)

// FieldError is a hard finding in one field. It never holds the value.
type FieldError struct {
	Field Field `json:"field"`
	Code  Code  `json:"code"`
}

// Findings is what the rules say of a card.
type Findings struct {
	// Malformed holds the first hard finding of every field that has one, in
	// the order number, name, from, to.
	Malformed []FieldError
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
