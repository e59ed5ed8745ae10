package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/statement"
)

func receiptCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "receipt",
		Short: "Verify the receipt of an erasure, offline",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(verifyCommand("receipt", statement.TypeReceipt))
	return c
}

// verifyCommand checks a signed statement with public keys from a file: no
// network, no store, no yanzhen that runs.
func verifyCommand(what, typ string) *cobra.Command {
	var keys string
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify the signature and print the " + what,
		Long: `Verify the signature of the ` + what + ` and print its content. FILE holds it as the API
returned it, a compact JWS or the whole JSON response; - reads standard input. The
public keys are those of /.well-known/jwks.json: keep a copy of that file where
you verify.`,
		Example: `  curl -s https://kyc.example/.well-known/jwks.json > keys.json
  yanzhen ` + what + ` verify ` + what + `.jws --keys keys.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit(exitUsage, "give one file, or - for standard input")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if keys == "" {
				return exit(exitUsage, "give the public keys: --keys FILE")
			}
			public, err := os.ReadFile(keys)
			if err != nil {
				return err
			}
			signed, err := readOne(args[0], c.InOrStdin())
			if err != nil {
				return err
			}
			said, err := statement.Verify(signedIn(signed, what), typ, public)
			if err != nil {
				return exit(exitRefused, "%w", err)
			}
			var pretty bytes.Buffer
			if json.Indent(&pretty, said, "", "  ") != nil {
				return exit(exitRefused, "%w", statement.ErrForm)
			}
			fmt.Fprintln(c.OutOrStdout(), pretty.String())
			return nil
		},
	}
	c.Flags().StringVar(&keys, "keys", "", "the file with the public keys, a JWK set")
	return c
}

// maxStatement bounds what is read of a file that is no statement.
const maxStatement = 1 << 20

func readOne(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, maxStatement))
}

// signedIn takes the JWS out of the API's answer, where it is that.
func signedIn(text []byte, property string) string {
	var answer map[string]any
	if json.Unmarshal(text, &answer) == nil {
		signed, _ := answer[property].(string)
		return signed
	}
	return string(text)
}

func evidenceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "evidence",
		Short: "Verify the signed evidence of a verdict, offline",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(verifyCommand("evidence", statement.TypeEvidence))
	return c
}
