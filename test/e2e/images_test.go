package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// pictures are pieces of images that may lie in no place, by what they are.
type pictures map[string][]string

// A file may hold a picture in pieces, as databases lay long values over pages,
// so pieces of it are looked for, in every way in which they may lie there.
const (
	pieceLength = 24
	pieces      = 12
)

// piecesOf are pieces of a picture, spread over it, that do not lie in the
// planted forms of another: a JPEG's tables are the same in all of them, and a
// plain wall is a run of few bits that comes again, at any shift of them.
func piecesOf(picture, planted []byte) []string {
	var own []string
	step := (len(picture) - pieceLength) / (5 * pieces)
	for at := 0; at+pieceLength <= len(picture); at += step {
		piece := string(picture[at : at+pieceLength])
		if len(storetest.Find(planted, piece)) == 0 {
			own = append(own, piece)
		}
	}
	var out []string
	for i := range min(pieces, len(own)) {
		out = append(out, own[i*len(own)/min(pieces, len(own))])
	}
	return out
}

// lying tells in which ways pieces of the picture lie in the data.
func lying(data []byte, pieces []string) map[string]int {
	ways := map[string]int{}
	for _, piece := range pieces {
		for _, way := range storetest.Find(data, piece) {
			ways[way]++
		}
	}
	return ways
}

// places are everything that a stack keeps of its verifications, by name.
func (s *stack) places(ids ...string) map[string][]byte {
	s.t.Helper()
	found := map[string][]byte{
		"the store's files":       readFiles(s.t, filepath.Join(s.dir, "yanzhen.db*")),
		"the engine's database":   readFiles(s.t, shared.temporalDB, shared.temporalDB+"-wal", shared.temporalDB+"-shm"),
		"the engine's log":        readFiles(s.t, shared.temporalLog),
		"the logs of api, worker": s.logs(),
	}
	for _, id := range ids {
		h := s.history(id)
		wire, err := proto.Marshal(h)
		require.NoError(s.t, err)
		text, err := protojson.Marshal(h)
		require.NoError(s.t, err)
		found["history of "+id] = append(wire, text...)
	}
	return found
}

func (s *stack) findNoPicture(when string, all pictures, ids ...string) {
	s.t.Helper()
	for place, data := range s.places(ids...) {
		require.NotEmpty(s.t, data, place)
		for what, own := range all {
			require.Len(s.t, own, pieces, "%s: too few pieces are its own", what)
			require.Empty(s.t, lying(data, own), "%s: pieces of the %s lie in %s", when, what, place)
		}
	}
}

func TestNoPictureRestsAnywhere(t *testing.T) {
	t.Parallel()
	s := newChipStack(t, options{})
	control, run := s.plantPicture()
	planted := bytes.Join(control, nil)
	p := s.person()
	all := pictures{"portrait": piecesOf(sandbox.Portrait(p), planted)}
	taken := func(session, whose string) {
		face, scene, ok := s.vendors.Captured(session)
		require.True(t, ok)
		all[whose+" face"], all[whose+" scene"] = piecesOf(face, planted), piecesOf(scene, planted)
	}

	v := s.begun("cn-chip-capture", s.scan(p, ""))
	v = s.untilLink(v.ID, 20*time.Second)
	s.findNoPicture("with a portrait that waits", all, v.ID)
	require.Equal(t, sandbox.Portrait(p), s.portrait(v.ID), "it lies there, sealed")

	taken(s.capture(v, sandbox.CaptureOther, p), "another person's")
	v = s.untilAction(v.ID, "retry", 20*time.Second)
	s.findNoPicture("between two attempts", all, v.ID)

	// The pictures are in the worker's memory while the comparer is slow.
	s.fault(sandbox.Fault{Vendor: sandbox.TencentIAI, Kind: sandbox.FaultDelay, DelayMS: 3000, Times: 1, Processed: true})
	require.Less(t, s.retry(v.ID, 1, "").status, 300)
	v = s.untilLink(v.ID, 20*time.Second)
	taken(s.capture(v, sandbox.CaptureSame, p), "the person's")
	require.Eventually(t, func() bool { return s.compared(p) == 2 }, 20*time.Second, 20*time.Millisecond)
	s.findNoPicture("while they are compared", all, v.ID)

	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 30*time.Second).Outcome)
	s.findNoPicture("after the end", all, v.ID)
	require.Empty(t, s.portrait(v.ID))

	places := s.places(run)
	for _, place := range []string{"history of " + run, "the engine's database"} {
		found := lying(places[place], piecesOf(control[0], nil))
		for _, way := range []string{"utf-8", "hex", "base64+0", "base64+1", "base64+2"} {
			require.NotEmpty(t, found[way], "%s: the search does not find a picture that lies there as %s", place, way)
		}
	}
}

// plantPicture sends a picture on purpose as a workflow's argument, in each way
// in which a careless change might: the search must find this one. The first
// form is the picture itself.
func (s *stack) plantPicture() (forms [][]byte, run string) {
	s.t.Helper()
	picture, _ := sandbox.Capture("control", strconv.Itoa(rand.Int()))
	forms = [][]byte{picture, []byte(hex.EncodeToString(picture))}
	for i := range 3 {
		shifted := append(make([]byte, i), picture...)
		forms = append(forms, []byte(base64.StdEncoding.EncodeToString(shifted)))
	}
	var arguments []any
	for _, form := range forms {
		arguments = append(arguments, form)
	}
	planted, err := s.temporal.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: "control-" + freshKey(), TaskQueue: "nobody"},
		"Control", arguments...)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		_ = s.temporal.TerminateWorkflow(context.Background(), planted.GetID(), "", "end of the test")
	})
	return forms, planted.GetID()
}
