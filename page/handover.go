package page

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/yanzhen-id/yanzhen/starter"
)

// handoverLife is how long a code for the phone lives.
const handoverLife = 10 * time.Minute

// handoverCode is the code of a verification that lives until the time. It is made
// of both, so that the store need not know it.
func (h *Handler) handoverCode(id string, until time.Time) string {
	return text32(h.Keys.Hash(purposeHandover, id, strconv.FormatInt(until.UnixMicro(), 10)))[:codeChars]
}

func (h *Handler) handoverHash(code string) []byte { return h.Keys.Hash(purposeHandoverCode, code) }

// handOver gives the verification another code for the phone.
func (h *Handler) handOver(ctx context.Context, id string) error {
	until := h.Now().Add(handoverLife).Truncate(time.Microsecond)
	return h.Visits.SetHandover(ctx, id, h.handoverHash(h.handoverCode(id, until)), until)
}

// handover is what a page shows of the newest code.
type handover struct {
	// Link and QR are for the phone; empty once it was spent.
	Link string
	QR   template.HTML
	// Ends says in how many seconds it dies.
	Ends int
}

// handoverOf returns the newest code while it lives; nil: there is none.
func (h *Handler) handoverOf(ctx context.Context, id string) (*handover, error) {
	until, spent, err := h.Visits.Handover(ctx, id)
	if err != nil || !h.Now().Before(until) {
		return nil, err
	}
	out := &handover{Ends: int(until.Sub(h.Now()).Seconds()) + 1}
	if spent {
		return out, nil
	}
	out.Link = h.PublicURL + "/p/h/" + h.handoverCode(id, until)
	out.QR, err = svg(out.Link)
	return out, err
}

// svg draws a QR code, dark on light whatever the page's colours are: not every
// reader takes an inverted one.
func svg(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", err
	}
	const quiet = 4 // modules of white around it, as the standard asks
	side := code.Size + 2*quiet
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %d %d" role="img" aria-labelledby="qr-name" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="%s"/></svg>`,
		side, side, side, side, path.String())), nil
}

// phone answers GET /p/h/{code}: a phone opened what the desktop showed.
func (h *Handler) phone(w http.ResponseWriter, r *http.Request) {
	v, ok := h.byHandover(w, r)
	if !ok {
		return
	}
	s := h.screen(r, v)
	s.Kind, s.Title, s.Action = "handover", "handover.title", h.base+"/p/h/"+r.PathValue("code")
	if s.Device == mobile && !s.Device.serves(v.OpenIn) {
		// The same link works in WeChat; here it would be spent for nothing.
		s.Kind, s.Title, s.Copy = "inwechat", "wechat.title", h.PublicURL+"/p/h/"+r.PathValue("code")
	}
	h.render(w, http.StatusOK, s)
}

// takeOver answers POST /p/h/{code}: the phone goes on.
func (h *Handler) takeOver(w http.ResponseWriter, r *http.Request) {
	v, ok := h.byHandover(w, r)
	if !ok {
		return
	}
	if id, err := h.visitor(r, h.short(v.ID)); err == nil && id == v.ID {
		h.onPage(w, r, v) // it is in already: the code stays good for the other device
		return
	}
	taken, err := h.letIn(w, r, v, func(ctx context.Context, cookie []byte, until time.Time) (bool, error) {
		return h.Visits.SpendHandover(ctx, h.handoverHash(r.PathValue("code")), cookie, h.Now(), until)
	})
	switch {
	case err != nil:
		h.failed(w, r, v, err)
	case !taken:
		h.message(w, r, http.StatusGone, "handover.dead")
	default:
		h.onPage(w, r, v)
	}
}

func (h *Handler) byHandover(w http.ResponseWriter, r *http.Request) (starter.PageView, bool) {
	code := r.PathValue("code")
	id, err := "", error(nil)
	if len(code) == codeChars {
		id, err = h.Visits.HandoverOf(r.Context(), h.handoverHash(code), h.Now())
	}
	switch {
	case err != nil:
		h.failed(w, r, starter.PageView{}, err)
		return starter.PageView{}, false
	case id == "":
		h.message(w, r, http.StatusGone, "handover.dead")
		return starter.PageView{}, false
	}
	about(r, id)
	v, err := h.Verifications.Page(r.Context(), id)
	if err != nil {
		h.failed(w, r, starter.PageView{}, err)
		return v, false
	}
	if h.over(v) {
		h.message(w, r, http.StatusGone, "link.over")
		return v, false
	}
	return v, true
}
