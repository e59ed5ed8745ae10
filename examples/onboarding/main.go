// Onboarding is a small service that opens accounts for people whom yanzhen has
// verified: a form, the link and its QR code, progress, and the verdict, which
// comes by webhook. It keeps no name and no number.
//
//	API, KEY         the API and its key, as "yanzhen dev" prints them
//	WEBHOOK_SECRET   of its endpoint /webhooks/yanzhen; without one it waits at the API
//	LISTEN, BASE     its own address, and as browsers reach it
//	DATABASE         its SQLite file
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"html/template"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/client/webhook"
)

//go:embed page.html
var pages embed.FS

var page = template.Must(template.ParseFS(pages, "page.html"))

// service holds what the handlers need. waits: there is no webhook.
type service struct {
	api   *client.Client
	db    *sql.DB
	base  string
	waits bool
}

// application is one row: the person's own page and what is known of them.
type application struct {
	ID, Verification, Outcome string
	// For the page: what was filled in and why it was not taken, how the verification
	// stands, and whether the person just came back from the vendor's page.
	Form url.Values
	Err  string
	Now  *client.Verification
	Back bool
}

func main() {
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:3000")
	api, err := client.New(os.Getenv("API"), os.Getenv("KEY"))
	fatal(err)
	db, err := sql.Open("sqlite", cmp.Or(os.Getenv("DATABASE"), "onboarding.db")+"?_pragma=busy_timeout(5000)")
	fatal(err)
	_, err = db.Exec(`create table if not exists applications
		(id text primary key, verification text not null default '', outcome text not null default '', sequence int not null default 0)`)
	fatal(err)
	s := &service{api: api, db: db, base: cmp.Or(os.Getenv("BASE"), "http://"+listen), waits: os.Getenv("WEBHOOK_SECRET") == ""}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { render(w, http.StatusOK, application{}) })
	mux.HandleFunc("POST /applications", s.apply)
	mux.HandleFunc("GET /applications/{id}", s.show)
	mux.HandleFunc("GET /applications/{id}/qr.png", s.qr)
	mux.HandleFunc("POST /applications/{id}/retry", s.retry)
	if !s.waits {
		v, err := webhook.New(os.Getenv("WEBHOOK_SECRET"))
		fatal(err)
		mux.Handle("POST /webhooks/yanzhen", v.Handler(s.take))
	}
	log.Printf("onboarding at %s", s.base)
	server := &http.Server{Addr: listen, Handler: http.NewCrossOriginProtection().Handler(mux), ReadHeaderTimeout: 5 * time.Second}
	fatal(server.ListenAndServe())
}

func fatal(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// apply starts the verification of an applicant. The application's id is the
// idempotency key: a start that was cut off is repeated under it.
func (s *service) apply(w http.ResponseWriter, r *http.Request) {
	id := rand.Text()
	if _, err := s.db.ExecContext(r.Context(), `insert into applications (id) values (?)`, id); err != nil {
		s.fail(w, err)
		return
	}
	// The face vendor's own page; without it ours, which asks for consents too.
	presentation := client.PresentationVendor
	back, reference := s.base+"/applications/"+id, id
	v, err := s.api.Start(r.Context(), id, client.StartRequest{
		Policy: "cn-resident", Presentation: &presentation, ReturnUrl: &back, ClientReferenceId: &reference,
		Subject: &client.Subject{Name: r.PostFormValue("name"), IdNumber: r.PostFormValue("id_number"),
			IdValidity: client.IDValidity{From: r.PostFormValue("valid_from"), To: r.PostFormValue("valid_to")}},
	})
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == client.CodeInvalidRequest {
		text := "Please check what you wrote."
		if e.Errors != nil && len(*e.Errors) > 0 {
			text = (*e.Errors)[0].Message
		}
		render(w, http.StatusUnprocessableEntity, application{Err: text, Form: r.PostForm})
		return
	}
	if err == nil {
		_, err = s.db.ExecContext(r.Context(), `update applications set verification = ? where id = ?`, v.Id, id)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	if s.waits {
		go s.await(v.Id)
	}
	http.Redirect(w, r, "/applications/"+id, http.StatusSeeOther)
}

// find reads the application whose page is asked for.
func (s *service) find(w http.ResponseWriter, r *http.Request) (a application, ok bool) {
	a.ID = r.PathValue("id")
	err := s.db.QueryRowContext(r.Context(), `select verification, outcome from applications where id = ?`, a.ID).Scan(&a.Verification, &a.Outcome)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.NotFound(w, r)
		return a, false
	case err != nil:
		s.fail(w, err)
		return a, false
	}
	return a, true
}

// show renders how far the application is. The verdict is only what was taken
// down before; the link is never kept.
func (s *service) show(w http.ResponseWriter, r *http.Request) {
	a, ok := s.find(w, r)
	if !ok {
		return
	}
	if a.Outcome == "" || a.Outcome == "review" {
		var err error
		if a.Now, err = s.api.Get(r.Context(), a.Verification); err != nil {
			s.fail(w, err)
			return
		}
	}
	a.Back = r.URL.Query().Has("verification_id") // yanzhen adds it to the return URL
	render(w, http.StatusOK, a)
}

// qr passes the link's QR code on, for a person at a desk.
func (s *service) qr(w http.ResponseWriter, r *http.Request) {
	a, ok := s.find(w, r)
	if !ok {
		return
	}
	answer, err := s.api.Core().GetQR(r.Context(), a.Verification, nil)
	if err != nil {
		s.fail(w, err)
		return
	}
	defer answer.Body.Close()
	w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

// retry opens another session in place of the one that did not succeed.
func (s *service) retry(w http.ResponseWriter, r *http.Request) {
	a, ok := s.find(w, r)
	if !ok {
		return
	}
	v, err := s.api.Get(r.Context(), a.Verification)
	if err == nil {
		_, err = s.api.Retry(r.Context(), a.Verification, client.RetryRequest{Session: v.Attempt.Session})
	}
	if e, ok := errors.AsType[*client.Error](err); err != nil && !(ok && e.Code == client.CodeInvalidState) {
		s.fail(w, err)
		return
	}
	http.Redirect(w, r, "/applications/"+a.ID, http.StatusSeeOther)
}

// take takes down what an event tells. It may come twice, or after a later one:
// its sequence decides. Of an error the event is sent again.
func (s *service) take(ctx context.Context, e webhook.Event) error {
	outcome := string(e.Data.Status)
	switch e.Data.Status {
	case client.StatusCompleted:
		outcome = *e.Data.Decision
	case client.StatusInReview:
		outcome = "review"
	case client.StatusRequiresInput, client.StatusProcessing:
		return nil
	}
	_, err := s.db.ExecContext(ctx, `update applications set outcome = ?, sequence = ? where id = ? and sequence < ?`,
		outcome, e.Data.Sequence, *cmp.Or(e.Data.ClientReferenceId, new(string)), e.Data.Sequence)
	return err
}

// await takes the place of the webhook where yanzhen cannot reach this service.
func (s *service) await(verification string) {
	for _, until := range []func(*client.Verification) bool{client.Settled, client.Ended} {
		v, err := s.api.Wait(context.Background(), verification, until)
		if err == nil {
			_, err = s.db.Exec(`update applications set outcome = ? where verification = ?`, *v.Outcome, v.Id)
		}
		if err != nil {
			log.Printf("verification %s: %v", verification, err)
			return
		}
	}
}

func (s *service) fail(w http.ResponseWriter, err error) {
	log.Print(err)
	render(w, http.StatusServiceUnavailable, application{Err: "Something went wrong. Please try again in a moment."})
}

func render(w http.ResponseWriter, status int, a application) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := page.Execute(w, a); err != nil {
		log.Print(err)
	}
}
