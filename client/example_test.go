package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/yanzhen-id/yanzhen/client"
)

// An onboarding service starts a verification, shows the person the link, waits
// and reacts to the verdict.
func Example() {
	server := service()
	defer server.Close()

	ctx := context.Background()
	c, err := client.New(server.URL, "yz_your_key")
	if err != nil {
		panic(err)
	}
	v, err := c.Start(ctx, "order-17", client.StartRequest{
		Policy: "cn-resident",
		Subject: &client.Subject{Name: "测试甲", IdNumber: "110199199003070017",
			IdValidity: client.IDValidity{From: "20200115", To: "20400115"}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("show", client.Link(v))
	if v, err = c.Wait(ctx, v.Id, client.Settled); err != nil {
		panic(err)
	}
	switch *v.Outcome {
	case "approved":
		fmt.Println("open the account")
	case "review":
		fmt.Println("tell the person to wait")
	default:
		fmt.Println("no account:", *v.Outcome)
	}
	// Output:
	// show https://vendor.example/session
	// open the account
}

// An error tells what was wrong, by codes that do not change.
func ExampleError() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"status":422,"code":"invalid_request","title":"The request breaks a rule of the contract.",
			"request_id":"req_1","errors":[{"field":"subject.id_number","code":"id_number.check_digit","message":"…"}]}`)
	}))
	defer server.Close()
	c, _ := client.New(server.URL, "yz_your_key")
	_, err := c.Start(context.Background(), "order-18", client.StartRequest{Policy: "cn-resident"})
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == client.CodeInvalidRequest {
		for _, field := range *e.Errors {
			fmt.Println(field.Field, field.Code)
		}
	}
	// Output: subject.id_number id_number.check_digit
}

// A service without webhooks reads the feed of events, and keeps the cursor with
// what it did.
func ExampleClient_Events() {
	server := service()
	defer server.Close()
	c, _ := client.New(server.URL, "yz_your_key")
	cursor := "" // from the service's database
	for e, err := range c.Events(context.Background(), &cursor) {
		if err != nil {
			panic(err)
		}
		fmt.Println(e.Type, e.Data.VerificationId, e.Data.Sequence)
	}
	fmt.Println("on from", cursor)
	// Output:
	// verification.completed ver_ecv7qab5a2t6lb5cgt3dukk44l 3
	// on from c2
}

// service answers as yanzhen does, with what the example needs.
func service() *httptest.Server {
	mux := http.NewServeMux()
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer yz_your_key" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	mux.HandleFunc("POST /v1/verifications", answer(http.StatusCreated,
		`{"id":"ver_ecv7qab5a2t6lb5cgt3dukk44l","status":"requires_input","next_action":{"type":"redirect","url":"https://vendor.example/session"}}`))
	mux.HandleFunc("GET /v1/events", answer(http.StatusOK, `{"events":[{"id":"evt_5xq2m7kd3fhtbyc4w6nzr2pjea","type":"verification.completed",
		"timestamp":"2026-11-28T10:15:02Z","data":{"verification_id":"ver_ecv7qab5a2t6lb5cgt3dukk44l","sequence":3}}],"next_cursor":"c2","more":false}`))
	mux.HandleFunc("GET /v1/verifications/{id}", answer(http.StatusOK,
		`{"id":"ver_ecv7qab5a2t6lb5cgt3dukk44l","status":"completed","decision":"approved","outcome":"approved"}`))
	return httptest.NewServer(mux)
}
