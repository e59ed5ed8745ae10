package verification

// Guide is what a reason's text in the catalogue leaves to say: the same to the
// person in Chinese, and what those who run the service do.
type Guide struct {
	// Chinese may be shown to the person.
	Chinese string
	// Do is what ops do.
	Do string
}

const (
	letHumanLook = "Decide it in review; the checks tell what is unclear."
	nothingToDo  = "Nothing."
	offerAgain   = "Let the person start another session; nothing else."
	compareRules = "Decide it in review, and compare our rules for numbers, names and dates with the vendor's answer in the log."
)

// Guides hold one for every reason of the catalogue.
var Guides = map[ReasonCode]Guide{
	IdentityMismatch:        {"姓名与身份证号码不一致。", "Nothing; the decision is final. Let the person check what they typed and begin anew."},
	IdentityNumberMalformed: {"暂时无法自动核验该身份证号码。", compareRules},
	IdentityNameMalformed:   {"暂时无法自动核验该姓名。", compareRules},
	IdentityNumberAttacked:  {"本次核验将由人工处理。", "Decide it in review: look for signs that it is the holder, not at the history of the number."},
	IdentityNameRare:        {"暂时无法自动核验该姓名。", "Decide it in review: compare the name with the card, character by character."},

	RecordsNotFound:      {"暂时未能查询到相关记录。", letHumanLook},
	RecordsNotVerifiable: {"暂时无法自动核验您的信息。", letHumanLook},
	RecordsDailyCap:      {"今天核验次数过多，请改日再试。", "Decide it in review; ask why the same person is verified so often."},
	RecordsChargeUnknown: {"核验暂时没有明确结果。", "Decide it in review; compare the vendor's bill with the calls of that minute."},

	DocumentExpired:           {"证件已过期，请使用新证件。", "Nothing; the decision is final. The person needs a new card."},
	DocumentUnreadable:        {"未能读取证件芯片，请重新刷证。", offerAgain},
	DocumentImplausible:       {"证件信息需要进一步核对。", "Decide it in review with the card before your eyes; the chip's data contradicts itself."},
	DocumentTypeUnsupported:   {"暂不支持该类证件。", letHumanLook},
	DocumentValidityMalformed: {"暂时无法自动核验证件有效期。", compareRules},
	DocumentValidityUnclear:   {"证件有效期需要进一步核对。", "Decide it in review: read the dates from the card. Tell the maintainers the form that the log shows."},
	DocumentValidityAge:       {"证件有效期需要进一步核对。", letHumanLook},
	DocumentBeforeChipCards:   {"证件有效期需要进一步核对。", letHumanLook},
	DocumentBirthMismatch:     {"证件信息需要进一步核对。", letHumanLook},
	DocumentSexMismatch:       {"证件信息需要进一步核对。", letHumanLook},
	DocumentExpiring:          {"证件即将到期。", nothingToDo},
	DocumentSequenceZero:      {"您无需处理。", nothingToDo},
	DocumentNamePrivateUse:    {"您无需处理。", nothingToDo},

	HolderMismatch: {"证件不属于本人。", "Nothing; the decision is final."},

	FaceNoMatch:            {"人脸比对未通过，请在光线充足处重试。", offerAgain},
	FaceNotLive:            {"活体检测未通过，请重试。", offerAgain},
	FacePoorCapture:        {"图像质量不佳，请在光线充足处重试。", offerAgain},
	FaceSpoofSuspected:     {"本次核验需要进一步核对。", "Decide it in review; do not tell the person what was suspected."},
	FaceInjectionSuspected: {"本次核验需要进一步核对。", "Decide it in review; do not tell the person what was suspected."},
	FaceNoReferencePhoto:   {"暂时无法自动比对人脸。", letHumanLook},
	FaceNotCompared:        {"暂时无法自动比对人脸。", "Decide it in review, or configure a comparer."},

	SessionCanceled:          {"您已退出核验，可以重新开始。", offerAgain},
	SessionExpired:           {"刷脸超时，没有完成。", offerAgain},
	SessionInterrupted:       {"核验中断，请重试。", offerAgain + " If many are interrupted, look at the vendor's state."},
	SessionVendorLimit:       {"本次会话尝试次数过多，可以重新开始。", offerAgain},
	SessionRetryWindow:       {"重试时间已过。", "Nothing; start another verification when the person comes back."},
	SessionUsedUp:            {"已没有剩余次数。", "Nothing; start another verification when the person comes back."},
	SessionAttemptsExhausted: {"已没有剩余次数。", "Nothing; the decision is final."},
	SessionDailyCap:          {"今天核验次数过多，请改日再试。", "Decide it in review; ask why the same person is verified so often."},
	SessionLinkExpired:       {"链接已过期，请重新获取。", "Nothing; start another verification when the person comes back."},
	SessionVerificationEnded: {"核验已结束。", nothingToDo},

	PersonAskedForHuman: {"您已选择由人工处理。", "Decide it in review by other means than the face, such as the documents and a call."},

	DeviceUnsupported:  {"当前浏览器无法完成核验，请更换浏览器。", offerAgain},
	DeviceCameraDenied: {"请允许使用摄像头后重试。", offerAgain},

	ProviderUnavailable:        {"所依赖的服务暂时不可用。", "Look at the vendor's state; drain it where another one serves (yanzhen provider)."},
	ProviderMisconfigured:      {"服务暂时不可用。", "Check the vendor's credentials, permissions and balance now: every verification with it fails."},
	ProviderContractViolation:  {"核验暂时没有明确结果。", "Decide it in review, and tell the maintainers the vendor's code: the contract has changed or is not complete."},
	ProviderHolderUnregistered: {"暂时无法为您提供该项核验。", letHumanLook},

	ReviewAlways:     {"本次核验将由人工处理。", "Decide it in review."},
	ReviewByOperator: {"本次核验将由人工处理。", "Decide it in review; the audit log says who sent it there and why."},
	ReviewDeadline:   {"审核未能按时完成。", "Start another verification; see that reviews are decided in time."},
	ReviewApproved:   {"核验已通过。", nothingToDo},
	ReviewRejected:   {"核验未通过。", nothingToDo},

	CanceledByCaller:   {"核验已取消。", nothingToDo},
	CanceledByOperator: {"核验已取消。", nothingToDo},
	CanceledByPerson:   {"您未同意，本次核验已取消。", "Nothing. Offer the person a way without this verification."},
	ConsentWithdrawn:   {"您已撤回同意，本次核验已取消。", "Nothing: what was held of the person is erased."},
	CanceledMinor:      {"本核验不适用于未满十四周岁的儿童。", "Obtain the consent of a parent or guardian, and use a policy that says so (guardian_agreed)."},

	EngineEnded: {"核验未能完成。", "Find out who ended the run in the engine and why; the person may begin anew."},
}
