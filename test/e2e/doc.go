// Package e2e holds the tests of the whole: the built binary's api and worker
// as processes of their own, on a real Temporal server that keeps its data in a
// file, against the stand-in vendors. It has no code but its tests.
package e2e
