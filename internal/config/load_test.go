package config

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFileOfAnotherUserIsNamedWithTheRemedy(t *testing.T) {
	err := underlying(&os.PathError{Op: "open", Path: "/etc/yanzhen/keys.json", Err: syscall.EACCES})
	require.ErrorContains(t, err, "permission denied: make the user that this process runs as its owner, which is ")
	require.NotContains(t, err.Error(), "/etc", "the sentence around it holds the path")
}
