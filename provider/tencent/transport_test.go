package tencent

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
)

// flood answers with megabytes between a head and a tail.
func flood(head, block, tail string, megabytes int) http.HandlerFunc {
	megabyte := []byte(strings.Repeat(block, (1<<20)/len(block)))
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, head)
		for range megabytes {
			if _, err := w.Write(megabyte); err != nil {
				return
			}
		}
		fmt.Fprint(w, tail)
	}
}

func TestMegabytesNeverRestInMemory(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client()
	for name, answer := range map[string]http.HandlerFunc{
		"text":           flood("", "x", "", 512),
		"one string":     flood(`{"Response":{"Text":{"ErrCode":0},"x":"`, "x", `"}}`, 512),
		"many members":   flood(`{"Response":{"Text":{"ErrCode":0},"x":[0`, ",0", `]}}`, 512),
		"opened objects": flood(`{"Response":`, `{"a":`, "", 512),
	} {
		v.on("GetEidResult", answer)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := c.getResult(t.Context(), handle{EidToken: eidToken}, "0")
		runtime.ReadMemStats(&after)
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), name)
	}
}

func TestMediaThatWasAskedForIsNoHindrance(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidResult", flood(`{"Response":{"Video":"`, "x", `","Text":{"ErrCode":2016}}}`, 20))
	c, _ := v.client()
	for _, infoType := range []string{"0", "13", "156"} {
		a, err := c.getResult(t.Context(), handle{EidToken: eidToken}, infoType)
		require.NoError(t, err)
		require.EqualValues(t, 2016, *a.Text.ErrCode)
	}
}

func TestMegabytesThatNobodyAskedForAreNoAnswer(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidToken", flood(`{"Response":{"Padding":"`, "0", `","EidToken":"`+eidToken+`","Url":"`+pageURL+`"}}`, 2))
	v.on("CheckEidTokenStatus", flood(`{"Response":{"Padding":"`, "0", `","Status":"finished"}}`, 2))
	v.on("GetEidResult", flood(`{"Response":{"Padding":"`, "0", `","Text":{"ErrCode":0,"LiveStatus":0,"Comparestatus":0}}}`, 2))
	c, _ := v.client()
	_, opened := c.Open(t.Context(), opening)
	_, looked := c.Look(t.Context(), session)
	_, fetched := c.Result(t.Context(), session)
	for _, err := range []error{opened, looked, fetched} {
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class)
		require.Equal(t, "too_large", failureOf(t, err).Code)
	}
}

func TestAnAnswerThatIsNoContractIsNothing(t *testing.T) {
	v := newVendor(t)
	c, _ := v.client(withKey)
	for name, body := range map[string]string{
		"HTML": "<html></html>", "empty": "", "half": `{"Response":{"Status":"fini`, "null": "null", "a string": `"finished"`, "an array": "[]",
		"no Response": `{}`, "null Response": `{"Response":null}`, "Response a string": `{"Response":"finished"}`, "Response an array": `{"Response":[]}`,
		"two Responses": `{"Response":{"Status":"finished"},"Response":{"Status":"finished"}}`, "trailing": `{"Response":{"Status":"finished"}} x`,
		"two spellings": `{"Response":{"Status":"doing","status":"finished"}}`, "not UTF-8": "{\"Response\":{\"Status\":\"finished\",\"x\":\"\xff\"}}",
		"empty Response": `{"Response":{"RequestId":"x"}}`,
	} {
		for _, action := range []string{"GetEidToken", "CheckEidTokenStatus", "GetEidResult"} {
			v.on(action, status(200, body))
		}
		_, err := c.Look(t.Context(), session)
		require.Contains(t, []provider.Class{provider.ContractViolation, provider.Unavailable}, failureOf(t, err).Class, name)
		_, err = c.Open(t.Context(), opening)
		require.Contains(t, []provider.Class{provider.ContractViolation, provider.Unavailable}, failureOf(t, err).Class, name)
	}
}
