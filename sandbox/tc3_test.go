package sandbox

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const publicBody = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`

// The vendor's published examples (https://cloud.tencent.com/document/api/213/30654
// and its older copies), and one of our own.
func TestSignatureVectors(t *testing.T) {
	for name, v := range map[string]struct {
		key, service, host, contentType, action, signed, body string
		stamp                                                 int64
		bodyHash, canonicalHash, signature                    string
		keys                                                  [3]string
	}{
		"A, two signed headers": {
			key: "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", service: "cvm", host: "cvm.tencentcloudapi.com", stamp: 1551113065,
			contentType: "application/json; charset=utf-8", signed: "content-type;host", body: publicBody,
			bodyHash:      "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064",
			canonicalHash: "5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031",
			signature:     "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
		},
		"B, three signed headers": {
			key: strings.Repeat("*", 32), service: "cvm", host: "cvm.tencentcloudapi.com", stamp: 1551113065, action: "DescribeInstances",
			contentType: "application/json; charset=utf-8", signed: "content-type;host;x-tc-action", body: publicBody,
			bodyHash:      "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064",
			canonicalHash: "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84",
			signature:     "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f",
			keys: [3]string{"da98fb70dcf6b112dc21038d1eeeb3a95c74b4dcb12c1131f864f6066bd02be0",
				"8d70cbefb03939f929db64d32dc2ba89b1095620119fe3e050e2b18c5bd2752f",
				"b596b923aad85185e2d1f6659d2a062e0a86731226e021e61bfe06f7ed05f5af"},
		},
		"C, this service": {
			key: "sandbox-secret-key", service: "faceid", host: "faceid.tencentcloudapi.com", stamp: 1751328000,
			contentType: "application/json", signed: "content-type;host", body: `{"MerchantId":"0NSJ000000000000000001"}`,
			bodyHash:      "2ca9776cd0681000c4c74f5a8e03a4c529ea74acfd786877ba82668850a857b9",
			canonicalHash: "b0e03763bf3bd01343d349299de4f72c05de2f3a00af984bb3829964b902c636",
			signature:     "3ce4f64a35c67561e9b2ba85e38f66c8ccd61c4515c4379fddb5e3aaf9933791",
			keys: [3]string{"0a8abb847140255e5a3a2f5bbdb68588fe8349d6ca035a408b8e9ad97a101170",
				"bb87f3d8fe9210edbd36e4927a80b7caa4b7554f873af11d30e3167901d13329",
				"fad56e448298f8fdc4edfb300fff5653640ca042a82e6a9be784a44cf43898f1"},
		},
		"D, the records": {
			key: "sandbox-secret-key", service: "faceid", host: "faceid.tencentcloudapi.com", stamp: 1751328000,
			contentType: "application/json", signed: "content-type;host",
			body:          `{"IdCard":"110199199003070017","Name":"测试甲","ValidityBegin":"20200115","ValidityEnd":"20400115"}`,
			bodyHash:      "ef0a22ee3284be66806af303d59f7ea8d5473d19d5d6e3c80452028ff9e782d7",
			canonicalHash: "044393ee06ef6b83cb5497df4394c910bb5ee081b225ac44bfa3fc1b0ddb3a91",
			signature:     "762db6bc1af046340c6780b6c73fb628ca49fa45466ede3c56362a7507075b50",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, "https://"+v.host+"/", nil)
			require.NoError(t, err)
			at := time.Unix(v.stamp, 0)
			r.Header.Set("Content-Type", v.contentType)
			r.Header.Set("X-TC-Action", v.action)
			require.Equal(t, v.bodyHash, hexSHA256([]byte(v.body)))
			canonical := tc3Canonical(r, strings.Split(v.signed, ";"), []byte(v.body))
			require.Equal(t, v.canonicalHash, hexSHA256([]byte(canonical)))
			keys, signature := tc3Signature(v.key, v.service, at, canonical)
			require.Equal(t, v.signature, hex.EncodeToString(signature))
			if v.keys[0] != "" {
				for i := range keys {
					require.Equal(t, v.keys[i], hex.EncodeToString(keys[i]))
				}
			}
			r.Header.Set("X-TC-Timestamp", at.Format(time.RFC3339)) // not Unix seconds
			r.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=AKID/"+at.UTC().Format(time.DateOnly)+"/"+v.service+
				"/tc3_request, SignedHeaders="+v.signed+", Signature="+v.signature)
			one := func(string) (string, bool) { return v.key, true }
			_, fault := verifyTC3(r, []byte(v.body), v.service, at, one)
			require.NotNil(t, fault)
			r.Header.Set("X-TC-Timestamp", itoa(v.stamp))
			id, fault := verifyTC3(r, []byte(v.body), v.service, at, one)
			require.Nil(t, fault)
			require.Equal(t, "AKID", id)
		})
	}
}

func TestBothSignedHeaderListsAreAccepted(t *testing.T) {
	w := start(t, nil)
	for _, signAction := range []bool{false, true} {
		s := w.signer("CheckEidTokenStatus")
		s.signAction = signAction
		require.Equal(t, "InvalidParameterValue.BizTokenIllegal", w.send(w.tencentRequest(s, `{"EidToken":"x"}`, nil)).errorCode())
	}
}

func TestBadSignaturesAreNamedInTheVendorsOrder(t *testing.T) {
	w := start(t, nil)
	base := w.signer("GetEidToken")
	signedBy := func(edit func(*signer)) signer { s := base; edit(&s); return s }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, c := range map[string]struct {
		s    signer
		edit func(*http.Request)
		want string
	}{
		"no header":                      {base, func(r *http.Request) { r.Header.Del("Authorization") }, "AuthFailure.InvalidAuthorization"},
		"other algorithm":                {base, header("Authorization", "AWS4-HMAC-SHA256 Credential=a"), "AuthFailure.InvalidAuthorization"},
		"no timestamp":                   {base, func(r *http.Request) { r.Header.Del("X-TC-Timestamp") }, "AuthFailure.InvalidAuthorization"},
		"host unsigned":                  {base, func(r *http.Request) { replaceAuth(r, "content-type;host", "content-type;x-tc-action") }, "AuthFailure.InvalidAuthorization"},
		"unknown key":                    {signedBy(func(s *signer) { s.id = "AKIDnobody" }), nil, "AuthFailure.SecretIdNotFound"},
		"unknown key and an old clock":   {signedBy(func(s *signer) { s.id, s.at = "AKIDnobody", s.at.Add(-time.Hour) }), nil, "AuthFailure.SecretIdNotFound"},
		"clock five minutes slow":        {signedBy(func(s *signer) { s.at = s.at.Add(-5 * time.Minute) }), nil, "InvalidParameterValue.RuleIdNotExist"},
		"clock a second slower":          {signedBy(func(s *signer) { s.at = s.at.Add(-5*time.Minute - time.Second) }), nil, "AuthFailure.SignatureExpire"},
		"clock fast":                     {signedBy(func(s *signer) { s.at = s.at.Add(5*time.Minute + time.Second) }), nil, "AuthFailure.SignatureExpire"},
		"old clock and a wrong key":      {signedBy(func(s *signer) { s.at, s.key = s.at.Add(-time.Hour), "x" }), nil, "AuthFailure.SignatureExpire"},
		"wrong key":                      {signedBy(func(s *signer) { s.key = "x" }), nil, "AuthFailure.SignatureFailure"},
		"other service":                  {signedBy(func(s *signer) { s.service = "cvm" }), nil, "AuthFailure.SignatureFailure"},
		"timestamp changed after":        {base, header("X-TC-Timestamp", itoa(base.at.Unix()+1)), "AuthFailure.SignatureFailure"},
		"content type changed after":     {base, header("Content-Type", "application/json"), "AuthFailure.SignatureFailure"},
		"host changed after":             {base, func(r *http.Request) { r.Host = "faceid.tencentcloudapi.com" }, "AuthFailure.SignatureFailure"},
		"date of China instead of UTC":   {base, func(r *http.Request) { replaceAuth(r, "2026-11-22", "2026-11-23") }, "AuthFailure.SignatureFailure"},
		"unknown action, well signed":    {signedBy(func(s *signer) { s.action = "GetEidSecrets" }), nil, "InvalidAction"},
		"unknown action, wrong key":      {signedBy(func(s *signer) { s.action, s.key = "GetEidSecrets", "x" }), nil, "AuthFailure.SignatureFailure"},
		"signed action changed":          {signedBy(func(s *signer) { s.signAction = true }), header("X-TC-Action", "GetEidResult"), "AuthFailure.SignatureFailure"},
		"other version":                  {base, header("X-TC-Version", "2020-01-01"), "NoSuchVersion"},
		"all in order, unknown merchant": {base, nil, "InvalidParameterValue.RuleIdNotExist"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, w.send(w.tencentRequest(c.s, `{"MerchantId":"nobody"}`, c.edit)).errorCode())
		})
	}
}

func TestTheSignatureCoversTheBodysRawBytes(t *testing.T) {
	w := start(t, nil)
	req := w.tencentRequest(w.signer("GetEidToken"), `{"MerchantId": "nobody"}`, nil)
	other := w.tencentRequest(w.signer("GetEidToken"), `{"MerchantId":"nobody"}`, nil) // same JSON, a space less
	req.Header.Set("Authorization", other.Header.Get("Authorization"))
	require.Equal(t, "AuthFailure.SignatureFailure", w.send(req).errorCode())
}

func TestAGetIsRefusedInTheEnvelope(t *testing.T) {
	w := start(t, nil)
	req := w.tencentRequest(w.signer("GetEidToken"), "", func(r *http.Request) { r.Method = http.MethodGet })
	require.Equal(t, "UnsupportedOperation", w.send(req).errorCode())
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func replaceAuth(r *http.Request, from, to string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
}
