package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/yanzhen-id/yanzhen/client"
)

// An onboarding service starts a verification, sends the person to the link, and
// reads the verification once it has changed.
func Example() {
	server := service()
	defer server.Close()

	ctx := context.Background()
	c, err := client.NewKeyedClient(server.URL, "yz_your_key")
	if err != nil {
		panic(err)
	}
	// The key names the order: the same key always finds the same verification,
	// so a call that was cut off is simply made again.
	started, err := c.StartVerificationWithResponse(ctx, &client.StartVerificationParams{IdempotencyKey: "order-17"},
		client.StartRequest{
			Policy: "cn-resident",
			Subject: &client.Subject{Name: "测试甲", IdNumber: "110199199003070017",
				IdValidity: client.IDValidity{From: "20200115", To: "20400115"}},
		})
	if err != nil {
		panic(err)
	}
	if started.JSON201 == nil {
		panic(started.Status()) // a problem document says why
	}
	v := started.JSON201
	fmt.Println(v.Status, *v.NextAction.Url)

	wait, tag := "30s", started.HTTPResponse.Header.Get("ETag")
	read, err := c.GetVerificationWithResponse(ctx, v.Id, &client.GetVerificationParams{Wait: &wait, IfNoneMatch: &tag})
	if err != nil {
		panic(err)
	}
	fmt.Println(read.JSON200.Status, *read.JSON200.Outcome)
	// Output:
	// requires_input https://vendor.example/session
	// completed approved
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
	mux.HandleFunc("GET /v1/verifications/{id}", answer(http.StatusOK,
		`{"id":"ver_ecv7qab5a2t6lb5cgt3dukk44l","status":"completed","decision":"approved","outcome":"approved"}`))
	return httptest.NewServer(mux)
}
