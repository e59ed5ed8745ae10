// Command yanzhen verifies holders of Chinese identity documents, durably, on
// Temporal. Its subcommands are in cmd.
package main

import (
	"os"

	"github.com/yanzhen-id/yanzhen/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:]))
}
