package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// steps are what one verification costs the engine.
type steps struct {
	// events of the history, and transitions of the run's state as the engine
	// counts them, but for the polls' tries.
	events, transitions int64
	// actions are what the engine's operator pays for, but for the polls' tries:
	// the start, each accepted update, signal, timer, activity and write of search
	// attributes, and one for all local activities of a workflow task.
	actions int64
	// counted are the actions by the engine's own counter.
	counted int64
}

// stepsOf are those of an approved verification by the way on which its end
// becomes known, from a call to the written verdict. A figure may only fall:
// whoever lowers one writes it down here. The other tests hold what the steps do.
var stepsOf = map[string]steps{
	"hint":    {events: 43, transitions: 23, actions: 13}, // the poll may see the end as well
	"poll":    {events: 36, transitions: 18, actions: 11},
	"notice":  {events: 35, transitions: 17, actions: 12},
	"capture": {events: 46, transitions: 22, actions: 13},
	// At most 8 events and 4 transitions more than the same by the vendor's link.
	"page":             {events: 44, transitions: 22, actions: 14},
	"chip":             {events: 43, transitions: 22, actions: 13},
	"chip and capture": {events: 53, transitions: 26, actions: 15},
	"mini program":     {events: 43, transitions: 23, actions: 13}, // by its hint
}

// unpolled keeps the polls away while a test ends a session by another way.
var unpolled = []string{"YANZHEN_SINO_POLL_MIN=20s", "YANZHEN_SINO_POLL_MAX=20s"}

// TestStepsOfEachPath counts what an approval costs the engine.
func TestStepsOfEachPath(t *testing.T) {
	t.Parallel()
	// Of an engine that many tests share, the counter leaves out what is new after its
	// first 2,000 series.
	engine := newOwnEngine(t)
	s := newStack(t, options{chip: true, megvii: true, env: unpolled, policies: stepPolicies, temporal: engine.HostPort})
	// The link is there before the records' answer, so that each has a task.
	s.fault(sandbox.Fault{Vendor: sandbox.AceData, Kind: sandbox.FaultDelay, DelayMS: 700, Processed: true})
	for name, path := range map[string]func() view{
		"hint": func() view {
			v := s.openedUnder("cn-resident")
			s.comeBack(v, "0")
			return v
		},
		"poll": func() view {
			v := s.openedUnder("cn-resident")
			s.play(v, "0")
			return v
		},
		"notice": func() view {
			v := s.openedUnder(onlyMegvii)
			s.endMegvii(v, sandbox.MegviiPass, sandbox.NotifyOptions{NoReturn: true})
			return v
		},
		"capture": func() view {
			v := s.openedUnder("cn-capture")
			s.visit(s.backWith(v, sandbox.CaptureOther))
			return v
		},
		"page": func() view {
			v := s.openedFromThePage(s.startPage(s.person(), nil))
			time.Sleep(300 * time.Millisecond)
			s.play(v, "0")
			return v
		},
		"chip": func() view {
			v := s.openedByScan("cn-chip")
			s.play(v, "0")
			return v
		},
		"mini program": func() view {
			v, m := s.inMiniProgram(s.person())
			s.until(v.ID, 30*time.Second, "the records' answer", func(v view) bool {
				return !slices.ContainsFunc(v.Checks, func(c verification.Check) bool {
					return c.Type == verification.IdentityRecords && c.Status == verification.Pending
				})
			})
			time.Sleep(300 * time.Millisecond) // the first poll
			s.playMini(m, "0")
			s.tellReturned(m)
			return v
		},
		"chip and capture": func() view {
			v := s.openedByScan("cn-chip-capture")
			s.returnCaptured(v)
			return v
		},
	} {
		// A busy machine may let two things meet that cost a task then: the best of
		// three counts.
		most, got := stepsOf[name], []steps(nil)
		for within := false; !within && len(got) < 3; {
			before, counted := s.looks(name), s.countedActions(engine.options.MetricsPort)
			v := path()
			end := s.untilEnd(v.ID, time.Minute)
			require.Equal(t, verification.OutcomeApproved, end.Outcome, "%s: %+v", name, end)
			s.runCompletes(v.ID)
			now := s.steps(v.ID, s.looks(name)-before)
			// The counter may be shown a moment later.
			require.Eventually(t, func() bool {
				now.counted = s.countedActions(engine.options.MetricsPort) - counted
				return now.counted >= now.actions
			},
				10*time.Second, 100*time.Millisecond, "%s: the engine counts fewer actions than its history shows: %+v", name, &now)
			got = append(got, now)
			within = now.events <= most.events && now.transitions <= most.transitions && now.actions <= most.actions && now.counted <= most.actions
			if !within && len(got) == 3 {
				t.Errorf("%s takes %+v, which was %+v", name, got, most)
			}
		}
		t.Logf("%s: %+v", name, got)
	}
}

// stepPolicies are those of the paths, their clocks in seconds.
var stepPolicies = quickPolicy + quickAs("cn-chip") + quickAs("cn-chip-capture") + `  - name: cn-capture
    version: 1
    checks: {document_validity: required, identity_records: required, liveness: required, face_match: required, holder_match: if_available}
    face_providers: [sino_connect]
    records_providers: [acedata]
    capture: passed
`

func (s *stack) openedUnder(policy string) view {
	s.t.Helper()
	a := s.beginUnder(policy, s.person())
	require.Equal(s.t, http.StatusCreated, a.status, "%s", a.body)
	return s.settledOpen(a.view.ID)
}

// openedFromThePage presses the page's button, and returns the verification with
// the vendor's link in place of ours.
func (s *stack) openedFromThePage(v view) view {
	s.t.Helper()
	page, err := s.starterAt(0).Open(s.t.Context(), v.ID, v.Attempt.Session+1, nil)
	for tries := 0; starter.CodeOf(err) == starter.EngineUnavailable && tries < 10; tries++ {
		page, err = s.starterAt(0).Open(s.t.Context(), v.ID, v.Attempt.Session+1, nil) // as a person presses again
	}
	require.NoError(s.t, err)
	require.NotEmpty(s.t, page.VendorLink, "%s", page.State.Status)
	v = s.settledOpen(v.ID)
	v.NextAction.URL = page.VendorLink
	return v
}

func (s *stack) openedByScan(policy string) view {
	s.t.Helper()
	return s.settledOpen(s.untilLink(s.begun(policy, s.scan(s.person(), "")).ID, 30*time.Second).ID)
}

// settledOpen waits until the records have answered too, and nothing but the
// person is awaited.
func (s *stack) settledOpen(id string) view {
	s.t.Helper()
	v := s.until(id, 30*time.Second, "a link, and the records' answer", func(v view) bool {
		for _, c := range v.Checks {
			if c.Type == verification.IdentityRecords && c.Status == verification.Pending {
				return false
			}
		}
		return v.NextAction != nil && v.NextAction.URL != ""
	})
	time.Sleep(300 * time.Millisecond) // the first poll
	return v
}

// looks counts the vendors' answers on how sessions of a path stand. In a mini
// program the result itself is asked for.
func (s *stack) looks(path string) int {
	if path == "mini program" {
		return s.asked("GetEidResult")
	}
	return s.asked("CheckEidTokenStatus") + s.asked("face-rec/callback")
}

// countedActions is the engine's own count of the stack's actions, but for the
// polls' tries and the signs of life of steps that a busy machine makes long.
func (s *stack) countedActions(port int) (n int64) {
	s.t.Helper()
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	require.NoError(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	namespace := `namespace="` + strings.ReplaceAll(s.namespace, "-", "_") + `"` // as the server writes it
	for line := range strings.Lines(strings.ReplaceAll(string(text), "-", "_")) {
		if !strings.HasPrefix(line, "action{") || !strings.Contains(line, namespace) ||
			strings.Contains(line, `action_type="activity_retry"`) || strings.Contains(line, "Heartbeat") {
			continue
		}
		f := strings.Fields(line)
		v, err := strconv.ParseFloat(f[len(f)-1], 64)
		require.NoError(s.t, err)
		n += int64(v)
	}
	return n
}

// steps counts an ended run's, in which the vendor was looked at so often. A look
// that no event tells of was a try of the poll: two transitions.
func (s *stack) steps(id string, looks int) steps {
	s.t.Helper()
	d, err := s.temporal.DescribeWorkflow(s.t.Context(), id, "")
	require.NoError(s.t, err)
	out := steps{actions: 1, transitions: d.RawResponse.WorkflowExecutionInfo.StateTransitionCount}
	marked, scheduled := map[int64]bool{}, map[int64]bool{}
	for _, e := range s.history(id).Events {
		out.events++
		if scheduled[e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()] {
			looks--
		}
		switch e.GetEventType() {
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_TIMER_STARTED,
			enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
			out.actions++
		case enums.EVENT_TYPE_MARKER_RECORDED:
			if task := e.GetMarkerRecordedEventAttributes().GetWorkflowTaskCompletedEventId(); !marked[task] {
				marked[task] = true
				out.actions++
			}
		}
		switch e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() {
		case "PollSession", "LookAtSession":
			scheduled[e.GetEventId()] = true
		}
	}
	out.transitions -= 2 * int64(looks)
	return out
}
