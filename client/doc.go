// Package client is the Go client for onboarding services.
//
//	c, err := client.New("https://verify.example", apiKey)
//	v, err := c.Start(ctx, "order-17", client.StartRequest{Policy: "cn-resident", Subject: &subject})
//	// show client.Link(v) to the person
//	v, err = c.Wait(ctx, v.Id, client.Settled)
//
// A Client retries what is safe to retry, long-polls instead of polling, iterates
// over the pages of lists, and returns problem documents as *Error. The types of
// requests and responses, and Core, are generated from the same openapi.yaml as the
// server.
//
// To be notified of verdicts instead of waiting, receive webhooks: see the package
// webhook.
package client
