// Package cmd implements the commands of the binary yanzhen, one file each: load
// the configuration, connect, run, stop. All wiring is here.
package cmd

//go:generate go run .. config --markdown=../docs/settings.md
