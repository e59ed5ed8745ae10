package webhook_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/yanzhen-id/yanzhen/client/webhook"
)

// An endpoint takes events until they are kept, and may get one twice.
func ExampleVerifier_Handler() {
	v, err := webhook.New("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	if err != nil {
		panic(err)
	}
	http.Handle("POST /webhooks/yanzhen", v.Handler(func(ctx context.Context, e webhook.Event) error {
		if e.Type == "verification.completed" {
			fmt.Println(e.Data.VerificationId, *e.Data.Decision) // in one transaction with e.Id
		}
		return nil
	}))
}
