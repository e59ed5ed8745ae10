package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signature v3 of Tencent Cloud, https://cloud.tencent.com/document/api/213/30654.

const (
	tc3Algorithm = "TC3-HMAC-SHA256"
	// tc3Skew is how far the caller's clock may be off.
	tc3Skew = 5 * time.Minute
)

// apiError is an API error of the vendor: HTTP 200 with Response.Error.
type apiError struct{ code, message string }

var tc3Header = regexp.MustCompile(`^TC3-HMAC-SHA256 Credential=([^/,\s]+)/(\d{4}-\d{2}-\d{2})/([a-z0-9]+)/tc3_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})$`)

// verifyTC3 checks a request's signature over its raw body for a service, in the
// order: syntax, key, clock, scope, signature. secretKey tells the key of a
// secret id. The secret id is returned for the rate limit.
func verifyTC3(r *http.Request, body []byte, service string, now time.Time, secretKey func(id string) (string, bool)) (string, *apiError) {
	m := tc3Header.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return "", &apiError{"AuthFailure.InvalidAuthorization", "The Authorization header is not of the form that TC3-HMAC-SHA256 prescribes."}
	}
	id, date, scope, signed, signature := m[1], m[2], m[3], strings.Split(m[4], ";"), m[5]
	if !slices.Contains(signed, "content-type") || !slices.Contains(signed, "host") || !slices.IsSorted(signed) {
		return "", &apiError{"AuthFailure.InvalidAuthorization", "SignedHeaders must be sorted and hold content-type and host."}
	}
	stamp, err := strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
	if err != nil {
		return "", &apiError{"AuthFailure.InvalidAuthorization", "X-TC-Timestamp is not a time in Unix seconds."}
	}
	key, known := secretKey(id)
	if !known {
		return "", &apiError{"AuthFailure.SecretIdNotFound", "The SecretId is not known."}
	}
	at := time.Unix(stamp, 0)
	if now.Sub(at).Abs() > tc3Skew {
		return "", &apiError{"AuthFailure.SignatureExpire", "The signature has expired: the timestamp is more than five minutes off."}
	}
	if scope != service || date != at.UTC().Format(time.DateOnly) {
		return "", &apiError{"AuthFailure.SignatureFailure", "The credential scope names another service or another UTC date."}
	}
	_, want := tc3Signature(key, service, at, tc3Canonical(r, signed, body))
	got, _ := hex.DecodeString(signature)
	if !hmac.Equal(got, want) {
		return "", &apiError{"AuthFailure.SignatureFailure", "The signature does not match."}
	}
	return id, nil
}

// tc3Canonical rebuilds the canonical request from the headers that the caller
// says it signed. The URI is always "/": a path in the endpoint is not signed.
func tc3Canonical(r *http.Request, signed []string, body []byte) string {
	var b strings.Builder
	b.WriteString("POST\n/\n\n")
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" { // net/http keeps it apart
			value = r.Host
		}
		b.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(value)) + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + hexSHA256(body))
	return b.String()
}

// tc3Signature returns the chain of derived keys and the signature.
func tc3Signature(key, service string, at time.Time, canonical string) (keys [3][]byte, signature []byte) {
	date := at.UTC().Format(time.DateOnly)
	toSign := tc3Algorithm + "\n" + strconv.FormatInt(at.Unix(), 10) + "\n" + date + "/" + service + "/tc3_request\n" + hexSHA256([]byte(canonical))
	keys[0] = hmacSHA256([]byte("TC3"+key), date)
	keys[1] = hmacSHA256(keys[0], service)
	keys[2] = hmacSHA256(keys[1], "tc3_request")
	return keys, hmacSHA256(keys[2], toSign)
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
