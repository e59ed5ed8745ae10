//go:build !race && explore

package workflows_test

const raceDetector = false
