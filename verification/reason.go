package verification

// ReasonCode is a stable, machine-readable reason, "domain.code". A code is
// never renamed and never changes its class.
type ReasonCode string

// ReasonClass says what a reason does to a verdict.
type ReasonClass string

const (
	// Final: trying again cannot change it; with a failed check it declines.
	Final ReasonClass = "final"
	// Retryable: the same person may pass next time.
	Retryable ReasonClass = "retryable"
	// Suspicion: a vendor saw an attack. Review, or declined by policy.
	Suspicion ReasonClass = "suspicion"
	// Neutral: says nothing against the person; at best review.
	Neutral ReasonClass = "neutral"
	// Note: reported, changes nothing.
	Note ReasonClass = "note"
	// Session: how a session or a verification ended without a judgement.
	Session ReasonClass = "session"
)

const (
	IdentityMismatch        ReasonCode = "identity.mismatch"
	IdentityNumberMalformed ReasonCode = "identity.number_malformed"
	IdentityNameMalformed   ReasonCode = "identity.name_malformed"
	IdentityNumberAttacked  ReasonCode = "identity.number_attacked"
	IdentityNameRare        ReasonCode = "identity.name_rare"

	RecordsNotFound      ReasonCode = "records.not_found"
	RecordsNotVerifiable ReasonCode = "records.not_verifiable"
	RecordsDailyCap      ReasonCode = "records.daily_cap"
	RecordsChargeUnknown ReasonCode = "records.charge_unknown"

	DocumentExpired           ReasonCode = "document.expired"
	DocumentUnreadable        ReasonCode = "document.unreadable"
	DocumentImplausible       ReasonCode = "document.implausible"
	DocumentTypeUnsupported   ReasonCode = "document.type_unsupported"
	DocumentValidityMalformed ReasonCode = "document.validity_malformed"
	DocumentValidityUnclear   ReasonCode = "document.validity_unclear"
	DocumentValidityAge       ReasonCode = "document.validity_age_mismatch"
	DocumentBeforeChipCards   ReasonCode = "document.before_chip_cards"
	DocumentBirthMismatch     ReasonCode = "document.birth_date_mismatch"
	DocumentSexMismatch       ReasonCode = "document.sex_mismatch"
	DocumentExpiring          ReasonCode = "document.expiring"
	DocumentSequenceZero      ReasonCode = "document.sequence_zero"
	DocumentNamePrivateUse    ReasonCode = "document.name_private_use"

	HolderMismatch ReasonCode = "holder.mismatch"

	FaceNoMatch            ReasonCode = "face.no_match"
	FaceNotLive            ReasonCode = "face.not_live"
	FacePoorCapture        ReasonCode = "face.poor_capture"
	FaceSpoofSuspected     ReasonCode = "face.spoof_suspected"
	FaceInjectionSuspected ReasonCode = "face.injection_suspected"
	FaceNoReferencePhoto   ReasonCode = "face.no_reference_photo"
	FaceNotCompared        ReasonCode = "face.not_compared"

	SessionCanceled          ReasonCode = "session.canceled"
	SessionExpired           ReasonCode = "session.expired"
	SessionInterrupted       ReasonCode = "session.interrupted"
	SessionVendorLimit       ReasonCode = "session.vendor_limit"
	SessionRetryWindow       ReasonCode = "session.retry_window"
	SessionUsedUp            ReasonCode = "session.used_up"
	SessionAttemptsExhausted ReasonCode = "session.attempts_exhausted"
	SessionVerificationEnded ReasonCode = "session.verification_ended"
	SessionDailyCap          ReasonCode = "session.daily_cap"
	SessionLinkExpired       ReasonCode = "session.link_expired"

	PersonAskedForHuman ReasonCode = "person.asked_for_human"

	DeviceUnsupported  ReasonCode = "device.unsupported"
	DeviceCameraDenied ReasonCode = "device.camera_denied"

	ProviderUnavailable        ReasonCode = "provider.unavailable"
	ProviderMisconfigured      ReasonCode = "provider.misconfigured"
	ProviderContractViolation  ReasonCode = "provider.contract_violation"
	ProviderHolderUnregistered ReasonCode = "provider.holder_unregistered"

	ReviewAlways     ReasonCode = "review.always"
	ReviewByOperator ReasonCode = "review.by_operator"
	ReviewDeadline   ReasonCode = "review.deadline"
	ReviewApproved   ReasonCode = "review.approved"
	ReviewRejected   ReasonCode = "review.rejected"

	CanceledByCaller   ReasonCode = "canceled.by_caller"
	CanceledByOperator ReasonCode = "canceled.by_operator"
	CanceledByPerson   ReasonCode = "canceled.by_person"
	ConsentWithdrawn   ReasonCode = "canceled.consent_withdrawn"
	CanceledMinor      ReasonCode = "canceled.minor"

	EngineEnded ReasonCode = "engine.ended"
)

// Reason is a reason as callers see it, with what it means for another try.
type Reason struct {
	Code      ReasonCode `json:"code"`
	Retryable bool       `json:"retryable"`
}

// CatalogueEntry describes a reason for those who read it.
type CatalogueEntry struct {
	Code  ReasonCode  `json:"code"`
	Class ReasonClass `json:"class"`
	// Retryable: the same person may pass, or finish, next time.
	Retryable bool `json:"retryable"`
	// User may be shown to the person; Ops is for those who run the service.
	User string `json:"user"`
	Ops  string `json:"ops"`
}

// Catalogue lists every reason once.
var Catalogue = []CatalogueEntry{
	{IdentityMismatch, Final, false, "The name and ID number do not belong together.", "The authority's records or the face vendor say that name, number or dates differ, without saying which."},
	{IdentityNumberMalformed, Neutral, false, "We could not check this ID number automatically.", "A vendor refused a number that passed our own rules: compare the rules."},
	{IdentityNameMalformed, Neutral, false, "We could not check this name automatically.", "A vendor refused a name that passed our own rules: often a rare character."},
	{IdentityNumberAttacked, Neutral, false, "A person reviews the verification.", "The vendor saw this ID number in earlier attacks, which says nothing about the attacker: a human reviews it."},
	{IdentityNameRare, Neutral, false, "We could not check this name automatically.", "Something differs, and the name holds a rare character (private-use, a compatibility ideograph, or beyond U+9FA5) that another system may write in other code points: a human looks."},
	{RecordsNotFound, Neutral, false, "No record could be found automatically.", "The vendor's source has no record. Sources have gaps; a human looks."},
	{RecordsNotVerifiable, Neutral, false, "The details could not be verified automatically.", "The vendor holds the identity information invalid or not verifiable; it is no mismatch."},
	{RecordsDailyCap, Neutral, false, "The details were checked too often today.", "Our own cap of charged record checks for one number and day is used up."},
	{RecordsChargeUnknown, Neutral, false, "The records check gave no clear answer.", "An answer was lost after the question had been sent; asking again may be charged again."},
	{DocumentExpired, Final, false, "The document has expired. Please use the new one.", "The document's last day is before today in Asia/Shanghai."},
	{DocumentUnreadable, Retryable, true, "The chip could not be read. Please scan the card again.", "The chip token could not be fetched, decrypted or understood."},
	{DocumentImplausible, Neutral, false, "The document's data needs a closer look.", "Data from the chip breaks a hard rule for numbers or dates."},
	{DocumentTypeUnsupported, Neutral, false, "This kind of document is not supported.", "The number belongs to a kind of card that the policy does not take."},
	{DocumentValidityMalformed, Neutral, false, "The validity dates could not be checked automatically.", "The vendor refused dates that passed our own rules."},
	{DocumentValidityUnclear, Neutral, false, "The validity dates need a closer look.", "The chip writes its dates in a form that is not understood, or not at all; the log shows the form."},
	{DocumentValidityAge, Neutral, false, "The validity dates need a closer look.", "The term does not fit the holder's age on the day of issue (Law on Resident Identity Cards, art. 5)."},
	{DocumentBeforeChipCards, Neutral, false, "The validity dates need a closer look.", "A chip names a begin before 2004, when no chip cards existed."},
	{DocumentBirthMismatch, Neutral, false, "The document's data needs a closer look.", "The chip's birth date differs from the number's."},
	{DocumentSexMismatch, Neutral, false, "The document's data needs a closer look.", "The chip's sex differs from the number's."},
	{DocumentExpiring, Note, false, "The document expires soon.", "The document expires within 30 days."},
	{DocumentSequenceZero, Note, false, "There is nothing for you to do.", "The number's sequence is 000: unusual, not forbidden."},
	{DocumentNamePrivateUse, Note, false, "There is nothing for you to do.", "The name holds a private-use character; the authority may hold the other form."},
	{HolderMismatch, Final, false, "The document belongs to somebody else.", "Chip, claim or the identity that the face vendor saw differ."},
	{FaceNoMatch, Retryable, true, "Your face did not match. Please try again in good light.", "Similarity below the vendor's threshold."},
	{FaceNotLive, Retryable, true, "The camera check did not succeed. Please try again.", "Liveness was not passed."},
	{FacePoorCapture, Retryable, true, "The picture was not good enough. Please try again in good light.", "No usable picture, face incomplete, or several faces."},
	{FaceSpoofSuspected, Suspicion, false, "The check needs a closer look.", "The vendor suspects a presentation attack."},
	{FaceInjectionSuspected, Suspicion, false, "The check needs a closer look.", "The vendor suspects a replayed, synthetic or swapped face."},
	{FaceNoReferencePhoto, Neutral, false, "Your face could not be compared automatically.", "The vendor's source has no usable reference photo."},
	{FaceNotCompared, Neutral, false, "Your face could not be compared automatically.", "A face was captured and compared with nothing."},
	{SessionCanceled, Session, true, "You left the check. You can start it again.", "The person canceled the vendor's page."},
	{SessionExpired, Session, true, "The face check took too long.", "The session ran out before the person finished."},
	{SessionInterrupted, Session, true, "The check was interrupted. Please try again.", "A technical error at the vendor or in the person's network; no judgement."},
	{SessionVendorLimit, Session, true, "The check was tried too often in one session. You can start a new one.", "The vendor's own retry limit for the session is used up; no judgement."},
	{SessionRetryWindow, Session, false, "The time to try again is over.", "No retry came within the policy's retry_window."},
	{SessionUsedUp, Session, false, "No more tries are left.", "The policy's cap of sessions is used up."},
	{SessionAttemptsExhausted, Final, false, "No more tries are left.", "The last of the policy's attempts was judged and not passed."},
	{SessionDailyCap, Neutral, false, "The check was started too often today.", "Our own cap of face sessions for one number and day is used up."},
	{SessionLinkExpired, Session, false, "This link has expired. Please ask for a new one.", "Nobody finished before the end of the policy's link_life."},
	{SessionVerificationEnded, Session, false, "The verification has ended.", "The session was ended together with the verification."},
	{DeviceUnsupported, Session, true, "This browser cannot run the check. Please use another one.", "The vendor's page does not run in this browser."},
	{DeviceCameraDenied, Session, true, "Please allow the camera and try again.", "The person or the browser refused the camera."},
	{PersonAskedForHuman, Neutral, false, "You asked for a person to look at it.", "The person asked for a human on our page; no vendor was called after that."},
	{ProviderUnavailable, Neutral, false, "A service we depend on is not reachable.", "The vendor was unreachable, over its limits or failing until the policy's patience ended."},
	{ProviderMisconfigured, Neutral, false, "The service is not available right now.", "The vendor refuses our credentials, permissions, balance or parameters: fix the settings."},
	{ProviderContractViolation, Neutral, false, "The check gave no clear answer.", "The vendor's answer is not what its contract says."},
	{ProviderHolderUnregistered, Neutral, false, "This check is not available for you.", "The vendor cannot serve this person."},
	{ReviewAlways, Neutral, false, "A person reviews the verification.", "The policy sends every verification to review."},
	{ReviewByOperator, Neutral, false, "A person reviews the verification.", "An operator sent it to review, and no vendor was called after that; the audit log says who and why."},
	{ReviewDeadline, Session, false, "The review was not finished in time.", "No decision before the review deadline."},
	{ReviewApproved, Note, false, "The verification was approved.", "A reviewer approved."},
	{ReviewRejected, Final, false, "The verification was not approved.", "A reviewer declined."},
	{CanceledByCaller, Session, false, "The verification was canceled.", "The caller canceled over the API."},
	{CanceledByOperator, Session, false, "The verification was canceled.", "The run was canceled in the engine."},
	{CanceledByPerson, Session, false, "You did not agree. The verification was canceled.", "The person did not agree on our page."},
	{ConsentWithdrawn, Session, false, "You withdrew your consent. The verification was canceled.", "A consent that the verification rested on was withdrawn."},
	{CanceledMinor, Session, false, "This verification is not available for children under 14.", "The person is under 14 by the number, and the policy does not say that a guardian agreed."},
	{EngineEnded, Session, false, "The verification could not be finished.", "The run was terminated, timed out or failed before it wrote its end."},
}

var catalogueByCode = func() map[ReasonCode]CatalogueEntry {
	m := make(map[ReasonCode]CatalogueEntry, len(Catalogue))
	for _, e := range Catalogue {
		m[e.Code] = e
	}
	return m
}()

// Describe returns the catalogue's entry; ok is false for a code that is not
// in it.
func (c ReasonCode) Describe() (e CatalogueEntry, ok bool) {
	e, ok = catalogueByCode[c]
	return e, ok
}

// Class returns the code's class; an unknown code is Neutral, so that it can
// neither decline nor approve.
func (c ReasonCode) Class() ReasonClass {
	if e, ok := catalogueByCode[c]; ok {
		return e.Class
	}
	return Neutral
}

// LeadsToReview reports whether an operator may send a verification to review for
// it. That the person asked for a human is the person's to say.
func (c ReasonCode) LeadsToReview() bool {
	e, known := catalogueByCode[c]
	return known && (e.Class == Neutral || e.Class == Suspicion) && c != PersonAskedForHuman
}

// Cancels reports whether somebody may cancel a verification for it. Of a child the
// number alone tells.
func (c ReasonCode) Cancels() bool {
	switch c {
	case CanceledByCaller, CanceledByOperator, CanceledByPerson, ConsentWithdrawn:
		return true
	}
	return false
}

// ReasonOf returns the code with what its row says of another try. An unknown
// code is not retryable.
func ReasonOf(c ReasonCode) Reason {
	return Reason{Code: c, Retryable: catalogueByCode[c].Retryable}
}
