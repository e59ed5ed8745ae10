package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// adminRoutes are the paths that no vendor has:
//
//	POST   /sandbox/people                          make a person known: {name, id_number, valid_from, valid_to, acedata_outcome, tencent_records_outcome, tencent_outcome, megvii_outcome}
//	POST   /sandbox/faults                          a Fault; GET lists, DELETE clears
//	GET    /sandbox/ledger?vendor=&operation=&subject=&outcome=&token=&flag=   {calls, sessions, notifications, counts, charged}; DELETE empties
//	GET    /sandbox/tencent/tokens/{token}          {status}
//	POST   /sandbox/tencent/tokens/{token}/expire   the token's clock runs out now
//	POST   /sandbox/tencent/tokens/{token}/end      {outcome}: as if the person had begun and ended
//	GET    /sandbox/health                          {status}
func (s *Sandbox) adminRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /sandbox/people", s.postPerson)
	mux.HandleFunc("POST /sandbox/faults", s.postFault)
	mux.HandleFunc("GET /sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"faults": s.Faults()})
	})
	mux.HandleFunc("DELETE /sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /sandbox/ledger", s.getLedger)
	mux.HandleFunc("DELETE /sandbox/ledger", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearLedger()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /sandbox/tencent/tokens/{token}", func(w http.ResponseWriter, r *http.Request) {
		s.writeStatus(w, r, nil)
	})
	mux.HandleFunc("POST /sandbox/tencent/tokens/{token}/expire", func(w http.ResponseWriter, r *http.Request) {
		s.writeStatus(w, r, s.Expire(r.PathValue("token")))
	})
	mux.HandleFunc("POST /sandbox/tencent/tokens/{token}/end", s.postEnd)
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
}

// healthPath is asked every few seconds by whoever watches over the stand-ins.
const healthPath = "/sandbox/health"

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone
}

// writeProblem answers with a word of ours; it never repeats the request.
func writeProblem(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"error": text})
}

// readJSON decodes a body strictly, and answers 400 if it cannot.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if d.Decode(into) != nil || d.Decode(&struct{}{}) != io.EOF {
		writeProblem(w, http.StatusBadRequest, "the body is not one JSON object with known properties")
		return false
	}
	return true
}

func (s *Sandbox) postPerson(w http.ResponseWriter, r *http.Request) {
	var p Person
	if !readJSON(w, r, &p) {
		return
	}
	if err := s.AddPerson(p); err != nil {
		writeProblem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	writeJSON(w, http.StatusCreated, map[string]string{"subject": SubjectKey(p.IDNumber)})
}

func (s *Sandbox) postFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !readJSON(w, r, &f) {
		return
	}
	if err := s.Fault(f); err != nil {
		writeProblem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{"faults": s.Faults()})
}

func (s *Sandbox) getLedger(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	query := Query{Vendor: q.Get("vendor"), Operation: q.Get("operation"), Subject: q.Get("subject"), Outcome: q.Get("outcome"), Token: q.Get("token"), Flag: q.Get("flag")}
	some := s.Ledger().Select(query)
	writeJSON(w, http.StatusOK, map[string]any{
		"calls": some.Calls, "sessions": some.Sessions, "notifications": some.Notifications, "counts": some.Counts(), "charged": some.Charged(Query{}),
	})
}

func (s *Sandbox) postEnd(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Outcome string `json:"outcome"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	token := r.PathValue("token")
	if err := s.Begin(token); err != nil && !errors.Is(err, ErrState) {
		s.writeStatus(w, r, err)
		return
	}
	s.writeStatus(w, r, s.End(token, body.Outcome))
}

func (s *Sandbox) writeStatus(w http.ResponseWriter, r *http.Request, err error) {
	status, known := s.TokenStatus(r.PathValue("token"))
	writeSessionStatus(w, status, known, err)
}

// writeSessionStatus answers with a session's state, or with what kept it from
// changing.
func writeSessionStatus(w http.ResponseWriter, status string, known bool, err error) {
	switch {
	case !known:
		writeProblem(w, http.StatusNotFound, "no such session")
	case errors.Is(err, ErrState):
		writeProblem(w, http.StatusConflict, "the session is "+status)
	case errors.Is(err, ErrNobody):
		writeProblem(w, http.StatusUnprocessableEntity, "no card was scanned and no number given")
	case err != nil:
		writeProblem(w, http.StatusUnprocessableEntity, "no such outcome")
	default:
		writeJSON(w, http.StatusOK, map[string]string{"status": status})
	}
}
