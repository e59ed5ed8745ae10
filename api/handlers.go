package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

var _ contract.StrictServerInterface = (*server)(nil)

// StartVerification answers POST /v1/verifications.
func (s *server) StartVerification(ctx context.Context, r contract.StartVerificationRequestObject) (contract.StartVerificationResponseObject, error) {
	ctx = plain(ctx)
	client, req := clientOf(ctx), requestOf(*r.Body)
	// What the configuration no longer allows starts nothing; what was started
	// before is answered all the same.
	refused := policyFault(client, req.Policy)
	if code := checkReturnURL(req.ReturnURL, client.ReturnURLs); req.ReturnURL != "" && code != "" {
		refused = append(refused, starter.FieldError{Field: "return_url", Code: code, Message: returnURLRules[code]})
	}
	v, started, err := s.Verifications.Start(ctx, client.ID, r.Params.IdempotencyKey, req, refused...)
	if started.Created {
		telemetry.RequestOf(ctx).Created()
	}
	if err != nil {
		s.Metrics.Start(httpErrorOf(err).code)
		if e, ok := errors.AsType[*starter.Error](err); ok {
			noteVerification(ctx, e.ID)
		}
		return nil, err
	}
	s.links.note(v)
	noteVerification(ctx, v.ID)
	at, tag, replayed := location(v.ID), etag(v.Revision), "true"
	body := answerOf(v)
	switch {
	case started.Accepted && started.Replayed:
		s.Metrics.Start("replayed")
		return contract.StartVerification202JSONResponse{Body: body,
			Headers: contract.StartVerification202ResponseHeaders{ETag: &tag, Location: &at, IdempotentReplayed: &replayed}}, nil
	case started.Accepted:
		s.Metrics.Start("accepted")
		return contract.StartVerification202JSONResponse{Body: body,
			Headers: contract.StartVerification202ResponseHeaders{ETag: &tag, Location: &at}}, nil
	case started.Replayed:
		s.Metrics.Start("replayed")
		return contract.StartVerification200JSONResponse{Body: body,
			Headers: contract.StartVerification200ResponseHeaders{ETag: &tag, Location: &at, IdempotentReplayed: &replayed}}, nil
	}
	s.Metrics.Start("created")
	return contract.StartVerification201JSONResponse{Body: body,
		Headers: contract.StartVerification201ResponseHeaders{ETag: &tag, Location: &at}}, nil
}

func location(id string) string { return "/v1/verifications/" + id }

// GetVerification answers GET /v1/verifications/{id}.
func (s *server) GetVerification(ctx context.Context, r contract.GetVerificationRequestObject) (contract.GetVerificationResponseObject, error) {
	ctx = plain(ctx)
	known := knownVersion(r.Params.IfNoneMatch)
	client, err := s.ownerOf(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	if d := waitOf(r.Params.Wait); d > 0 {
		if r.Params.IfNoneMatch == nil {
			known = s.links.version(r.Id)
		}
		// Not through the end of the process: then the answer is as things stand, and
		// the caller asks another one.
		same, err := s.Verifications.Wait(ctx, client, r.Id, known, d, s.Stopping)
		if err != nil {
			return nil, err
		}
		if same && r.Params.IfNoneMatch != nil {
			return notModified(known), nil
		}
	}
	return s.readVerification(ctx, client, r, known)
}

// readVerification answers as things stand; known is what the caller had read.
func (s *server) readVerification(ctx context.Context, client string, r contract.GetVerificationRequestObject, known int) (contract.GetVerificationResponseObject, error) {
	v, err := s.Verifications.Read(ctx, client, r.Id)
	if err != nil {
		return nil, err
	}
	v = shownTo(ctx, v)
	s.links.note(v)
	if r.Params.IfNoneMatch != nil && (known == v.Revision || strings.TrimSpace(*r.Params.IfNoneMatch) == "*") {
		return notModified(v.Revision), nil
	}
	tag := etag(v.Revision)
	return contract.GetVerification200JSONResponse{Body: answerOf(v),
		Headers: contract.GetVerification200ResponseHeaders{ETag: &tag}}, nil
}

func notModified(revision int) contract.GetVerification304Response {
	tag := etag(revision)
	return contract.GetVerification304Response{Headers: contract.GetVerification304ResponseHeaders{ETag: &tag}}
}

func etag(version int) string { return `"v` + strconv.Itoa(version) + `"` }

// knownVersion reads the newest of the ETags of ours in a list; any other text
// knows nothing. A version only rises: who knows a newer one has no use for an
// older one.
func knownVersion(header *string) int {
	known := starter.Unknown
	for tag := range strings.SplitSeq(deref(header), ",") {
		text, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"v`)
		if text, ok2 := strings.CutSuffix(text, `"`); ok && ok2 {
			if n, err := strconv.Atoi(text); err == nil && n >= 0 {
				known = max(known, n)
			}
		}
	}
	return known
}

// waitOf reads ?wait=, whose form admit has checked.
func waitOf(param *string) time.Duration {
	d, _ := time.ParseDuration(deref(param))
	return min(d, MaxWait)
}

// RetryVerification answers POST /v1/verifications/{id}/retry.
func (s *server) RetryVerification(ctx context.Context, r contract.RetryVerificationRequestObject) (contract.RetryVerificationResponseObject, error) {
	ctx = plain(ctx)
	version, err := precondition(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	v, err := s.Verifications.Retry(ctx, clientOf(ctx).ID, r.Id, starter.RetryRequest{
		Session: r.Body.Session, NFCReqID: deref(r.Body.NfcReqid), Version: version,
	})
	if err != nil {
		return nil, err
	}
	s.links.note(v)
	tag := etag(v.Revision)
	return contract.RetryVerification200JSONResponse{Body: answerOf(v), Headers: contract.RetryVerification200ResponseHeaders{ETag: &tag}}, nil
}

// CancelVerification answers POST /v1/verifications/{id}/cancel.
func (s *server) CancelVerification(ctx context.Context, r contract.CancelVerificationRequestObject) (contract.CancelVerificationResponseObject, error) {
	ctx = plain(ctx)
	version, err := precondition(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	v, err := s.Verifications.Cancel(ctx, clientOf(ctx).ID, r.Id, verification.CanceledByCaller, version)
	if err != nil {
		return nil, err
	}
	tag := etag(v.Revision)
	return contract.CancelVerification200JSONResponse{Body: answerOf(v), Headers: contract.CancelVerification200ResponseHeaders{ETag: &tag}}, nil
}

// GetContractJSON answers GET /openapi.json.
func (s *server) GetContractJSON(context.Context, contract.GetContractJSONRequestObject) (contract.GetContractJSONResponseObject, error) {
	return contractJSON(s.contractJSON), nil
}

// contractJSON is written as it is: decoded and encoded, it would lose its order.
type contractJSON []byte

// VisitGetContractJSONResponse writes the answer.
func (text contractJSON) VisitGetContractJSONResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(text)
	return err
}

// GetContract answers GET /openapi.yaml.
func (s *server) GetContract(context.Context, contract.GetContractRequestObject) (contract.GetContractResponseObject, error) {
	return contract.GetContract200ApplicationyamlResponse{Body: bytes.NewReader(Contract), ContentLength: int64(len(Contract))}, nil
}
