package tencentiai

import tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

const (
	service = "iai"
	version = "2020-03-03"
)

// compareRequest is CompareFace. The members UrlA and UrlB are left out on
// purpose (see the package comment), and the switches for quality, rotation
// and choice of face keep their defaults.
type compareRequest struct {
	*tchttp.BaseRequest
	ImageA           string // base64
	ImageB           string // base64
	FaceModelVersion string
}

type compareAnswer struct {
	Score            *float64 // 0 to 100
	FaceModelVersion string
}
