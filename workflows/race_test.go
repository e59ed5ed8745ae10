//go:build race && explore

package workflows_test

// raceDetector makes everything about ten times slower.
const raceDetector = true
