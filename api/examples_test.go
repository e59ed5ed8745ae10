package api

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/client"
)

// decoders are the client's, by operation.
var decoders = map[string]any{
	"listVerifications": client.ParseListVerificationsResponse, "startVerification": client.ParseStartVerificationResponse,
	"getVerification": client.ParseGetVerificationResponse, "retryVerification": client.ParseRetryVerificationResponse,
	"addConsents": client.ParseAddConsentsResponse, "cancelVerification": client.ParseCancelVerificationResponse, "getTimeline": client.ParseGetTimelineResponse,
	"getOutputs": client.ParseGetOutputsResponse, "decideVerification": client.ParseDecideVerificationResponse,
	"listDecisions": client.ParseListDecisionsResponse, "reopenVerification": client.ParseReopenVerificationResponse,
	"listPolicies": client.ParseListPoliciesResponse, "listReasons": client.ParseListReasonsResponse,
	"listProviders": client.ParseListProvidersResponse, "listEvents": client.ParseListEventsResponse,
	"getQR": client.ParseGetQRResponse, "redeliverEvent": client.ParseRedeliverEventResponse, "listDeliveries": client.ParseListDeliveriesResponse,
	"listWebhookEndpoints": client.ParseListWebhookEndpointsResponse, "testWebhookEndpoint": client.ParseTestWebhookEndpointResponse,
	"pauseWebhookEndpoint": client.ParsePauseWebhookEndpointResponse, "resumeWebhookEndpoint": client.ParseResumeWebhookEndpointResponse,
	"redactVerification": client.ParseRedactVerificationResponse, "getReceipt": client.ParseGetReceiptResponse,
	"getEvidence": client.ParseGetEvidenceResponse, "searchVerifications": client.ParseSearchVerificationsResponse,
	"recoverWebhookEndpoint": client.ParseRecoverWebhookEndpointResponse,
}

// decoded is an answer as the client's caller gets it.
func decoded(t *testing.T, operation string, status int, contentType string, body []byte) (value []byte, problem *client.Problem) {
	t.Helper()
	parse, ok := decoders[operation]
	require.True(t, ok, "%s has no decoder here", operation)
	answer := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(body))}
	out := reflect.ValueOf(parse).Call([]reflect.Value{reflect.ValueOf(answer)})
	require.True(t, out[1].IsNil(), "%s %d: %v", operation, status, out[1])
	fields := out[0].Elem()
	if status >= 400 {
		problem, _ = fields.FieldByName("ApplicationproblemJSONDefault").Interface().(*client.Problem)
		return nil, problem
	}
	got := fields.FieldByName("JSON" + strconv.Itoa(status))
	require.True(t, got.IsValid() && !got.IsNil(), "%s %d", operation, status)
	value, err := json.Marshal(got.Interface())
	require.NoError(t, err)
	return value, nil
}

func examplesOf(media *openapi3.MediaType) map[string]any {
	out := map[string]any{}
	if media.Example != nil {
		out["example"] = media.Example
	}
	for name, e := range media.Examples {
		out[name] = e.Value.Value
	}
	return out
}

// Every answer of every operation has an example, which holds to its schema, and
// which the client decodes without losing anything of it.
func TestEveryAnswersExampleIsValidAndDecoded(t *testing.T) {
	doc := contractDocument(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !strings.HasPrefix(path, "/v1/") {
				continue
			}
			for code, response := range op.Responses.Map() {
				if code == "default" {
					continue
				}
				status, err := strconv.Atoi(code)
				require.NoError(t, err)
				for kind, media := range response.Value.Content {
					at := method + " " + path + " " + code
					if kind == "image/png" {
						continue
					}
					examples := examplesOf(media)
					require.NotEmpty(t, examples, at)
					for name, example := range examples {
						require.NoError(t, media.Schema.Value.VisitJSON(example, openapi3.EnableFormatValidation()), "%s: %s", at, name)
						text, err := json.Marshal(example)
						require.NoError(t, err)
						value, problem := decoded(t, op.OperationID, status, kind, text)
						if status < 400 {
							require.JSONEq(t, string(text), string(value), "%s: %s", at, name)
							continue
						}
						require.NotNil(t, problem, at)
						require.Equal(t, status, problem.Status, at)
						require.Contains(t, *response.Value.Description, "`"+problem.Code+"`", "%s: the code stands in words", at)
					}
				}
			}
		}
	}
}

// Every example of a request is one that the server takes.
func TestEveryRequestsExampleIsTaken(t *testing.T) {
	operations, err := readOperations(Contract)
	require.NoError(t, err)
	taken := 0
	for path, item := range contractDocument(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			media := op.RequestBody.Value.Content["application/json"]
			require.NotEmpty(t, examplesOf(media), path)
			for name, example := range examplesOf(media) {
				text, err := json.Marshal(example)
				require.NoError(t, err)
				r := httptest.NewRequest(method, path, bytes.NewReader(text))
				r.Header.Set("Content-Type", "application/json")
				require.NoError(t, operations[operationKey(method, pathParameter.ReplaceAllString(path, ":$1"))].admitBody(httptest.NewRecorder(), r), "%s: %s", path, name)
				taken++
			}
		}
	}
	require.Positive(t, taken)
}

// Every operation names each status with which it may refuse.
func TestEveryErrorHasItsOwnStatus(t *testing.T) {
	for path, item := range contractDocument(t).Paths.Map() {
		for method, op := range item.Operations() {
			if !strings.HasPrefix(path, "/v1/") {
				continue
			}
			want := []string{"401", "403", "429", "500", "503"}
			if strings.Contains(path, "{") {
				want = append(want, "404")
			}
			if op.RequestBody != nil {
				want = append(want, "400", "413", "415", "422")
			}
			for _, p := range op.Parameters {
				if p.Value.In == "query" && !slices.Contains(want, "422") {
					want = append(want, "422")
				}
				if p.Value.Name == "If-Match" {
					want = append(want, "412")
				}
			}
			require.Subset(t, slices.Collect(maps.Keys(op.Responses.Map())), want, "%s %s", method, path)
			for code, response := range op.Responses.Map() {
				if code == "429" || code == "503" {
					require.Contains(t, response.Value.Headers, "Retry-After", "%s %s", method, path)
				}
			}
		}
	}
}
