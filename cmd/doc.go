// Package cmd holds the commands of the binary `yanzhen`, one file each: load
// the configuration, connect, run, stop. It is where everything is wired.
package cmd

//go:generate go run .. config --markdown=../docs/settings.md
