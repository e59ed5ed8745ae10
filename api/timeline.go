package api

import (
	"bytes"
	"context"

	"rsc.io/qr"

	"github.com/yanzhen-id/yanzhen/api/contract"
)

// GetTimeline answers GET /v1/verifications/{id}/timeline.
func (s *server) GetTimeline(ctx context.Context, r contract.GetTimelineRequestObject) (contract.GetTimelineResponseObject, error) {
	ctx = plain(ctx)
	client, err := s.ownerOf(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	moments, err := s.Verifications.Timeline(ctx, client, r.Id)
	if err != nil {
		return nil, err
	}
	out := contract.GetTimeline200JSONResponse{Steps: []contract.Step{}}
	for _, m := range moments {
		step := contract.Step{At: shown(m.At), Type: m.Type, Session: m.Session, Provider: nonEmpty(m.Provider), ProviderCode: nonEmpty(m.ProviderCode)}
		if m.Status != "" {
			status := contract.Status(m.Status)
			step.Status = &status
		}
		if m.Billable != "" {
			billable := contract.Billable(m.Billable)
			step.Billable = &billable
		}
		if len(m.Reasons) > 0 {
			reasons := make([]string, 0, len(m.Reasons))
			for _, code := range m.Reasons {
				reasons = append(reasons, string(code))
			}
			step.Reasons = &reasons
		}
		out.Steps = append(out.Steps, step)
	}
	return out, nil
}

// defaultQR is how many pixels wide a QR code is.
const defaultQR = 384

// quiet is the white border that the standard asks for, in modules, both sides
// together (ISO/IEC 18004).
const quiet = 8

// GetQR answers GET /v1/verifications/{id}/qr.png.
func (s *server) GetQR(ctx context.Context, r contract.GetQRRequestObject) (contract.GetQRResponseObject, error) {
	ctx = plain(ctx)
	client, err := s.ownerOf(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	v, err := s.Verifications.Read(ctx, client, r.Id)
	if err != nil {
		return nil, err
	}
	if v = shownTo(ctx, v); v.Link == "" {
		return nil, errNoLink
	}
	code, err := qr.Encode(v.Link, qr.M)
	if err != nil {
		return nil, errInternal // longer than a code can hold; the cause quotes nothing, and says no more
	}
	size := defaultQR
	if r.Params.Size != nil {
		size = *r.Params.Size
	}
	code.Scale = max(size/(code.Size+quiet), 1)
	image, store := code.PNG(), noStore
	return contract.GetQR200ImagepngResponse{Body: bytes.NewReader(image), ContentLength: int64(len(image)),
		Headers: contract.GetQR200ResponseHeaders{CacheControl: &store}}, nil
}
