// Package client is the Go client for onboarding services.
//
//	c, err := client.New("https://verify.example", apiKey)
//	v, err := c.Start(ctx, "order-17", client.StartRequest{Policy: "cn-resident", Subject: &subject})
//	// show client.Link(v) to the person
//	v, err = c.Wait(ctx, v.Id, client.Settled)
//
// A Client repeats what may be repeated, waits at the API instead of asking again
// and again, goes over the pages of lists, and returns problem documents as
// *Error. The types of requests and answers, and Core under it, are generated
// from the same openapi.yaml as the server.
//
// A service that is reached from outside learns of verdicts by webhooks: see the
// package webhook beside this one.
package client
