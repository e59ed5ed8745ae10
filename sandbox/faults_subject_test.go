package sandbox

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFaultForOnePersonStrikesNobodyElse(t *testing.T) {
	w := start(t, nil)
	r := rand.New(rand.NewPCG(1, 2))
	struck, spared := FreshPerson(r), FreshPerson(r)
	require.NoError(t, w.AddPerson(struck))
	require.NoError(t, w.AddPerson(spared))
	require.NoError(t, w.Fault(Fault{Vendor: AceData, Kind: FaultErrorCode, Code: "-1", Subject: SubjectKey(struck.IDNumber)}))
	for p, want := range map[Person]string{struck: "-1", spared: "0"} {
		_, answer, err := w.check2e(p, nil)
		require.NoError(t, err)
		require.Equal(t, want, answer["result"])
	}
	require.Equal(t, 1, w.Faults()[0].Struck)
}

func TestAFaultForOneSessionStrikesNoOther(t *testing.T) {
	w := start(t, nil)
	struck, _ := w.eidToken(nil)
	spared, _ := w.eidToken(nil)
	require.NoError(t, w.Fault(Fault{Vendor: Tencent, Operation: "CheckEidTokenStatus", Kind: FaultHTML502, Subject: TokenKey(struck)}))
	for token, want := range map[string]int{struck: 502, spared: 200} {
		status, _, err := w.rawTencent(token)
		require.NoError(t, err)
		require.Equal(t, want, status)
	}
}
