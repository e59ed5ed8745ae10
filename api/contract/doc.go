// Package contract is the server's side of openapi.yaml: the types of its
// schemas and the gin handlers that bind its operations. It is generated.
package contract
