package tencentiai

import (
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

var (
	down         = tencentcloud.Meaning{Class: provider.Unavailable, Reason: verification.ProviderUnavailable}
	limited      = tencentcloud.Meaning{Class: provider.RateLimited, Reason: verification.ProviderUnavailable}
	ours         = tencentcloud.Meaning{Class: provider.Misconfigured, Reason: verification.ProviderMisconfigured}
	incomparable = tencentcloud.Meaning{Class: provider.Incomparable, Reason: verification.FaceNotCompared}
	unknown      = tencentcloud.Meaning{Class: provider.ContractViolation, Reason: verification.ProviderContractViolation}
)

// apiErrors maps the codes of Response.Error
// (https://cloud.tencent.com/api/error-center?product=iai and the common list of
// the platform). A code that is not here is read by its first part, then as
// one that nobody knows. None of them says anything about the person.
var apiErrors = tencentcloud.Codes{
	"InvalidParameterValue.NoFaceInPhoto": incomparable, "InvalidParameterValue.ImageEmpty": incomparable,
	"FailedOperation.ImageFacedetectFailed": incomparable, "FailedOperation.FaceSizeTooSmall": incomparable,
	"FailedOperation.FaceQualityNotQualified": incomparable, "FailedOperation.ImageDecodeFailed": incomparable,
	"FailedOperation.ImageResolutionTooSmall": incomparable, "FailedOperation.ImageResolutionExceed": incomparable,
	"FailedOperation.ImageSizeExceed": incomparable,

	"RequestLimitExceeded": limited, "FailedOperation.RequestLimitExceeded": limited, "LimitExceeded": limited,

	"InternalError": down, "ServiceUnavailable": down,
	"FailedOperation.RequestTimeout": down, "FailedOperation.RpcFail": down, "FailedOperation.ServerError": down,

	"ResourceUnavailable": ours, "UnauthorizedOperation": ours, "AuthFailure": ours,
	"InvalidParameter": ours, "InvalidParameterValue": ours, "MissingParameter": ours, "UnsupportedRegion": ours,
	"InvalidAction": ours, "NoSuchVersion": ours, "NoSuchProduct": ours, "UnsupportedOperation": ours, "ActionOffline": ours,
	"IpInBlacklist": ours, "IpNotInWhitelist": ours,
}

func meaningOf(code string) tencentcloud.Meaning { return apiErrors.Of(code, unknown) }
