//go:build race

package workflows_test

// raceDetector makes everything about ten times slower.
const raceDetector = true
