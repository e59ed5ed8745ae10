// Command yanzhen verifies holders of Chinese identity documents, durably, on
// Temporal. Its subcommands are in internal/cmd.
package main

import (
	"os"

	"github.com/yanzhen-id/yanzhen/internal/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:]))
}
