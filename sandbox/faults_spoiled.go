package sandbox

// spoiled is what a struck operation answers, by kind. The values look like an
// answer at first sight: a client that decodes them without looking closely
// would take some of them for good ones.
var spoiled = map[string]map[string]string{
	"GetEidToken": {
		FaultWrongTypes:     `{"Response":{"EidToken":7,"Url":["https://example.invalid/"],"RequestId":"00000000-0000-4000-8000-000000000001"}}`,
		FaultMissingMembers: `{"Response":{"Url":"https://example.invalid/","RequestId":"00000000-0000-4000-8000-000000000002"}}`,
		FaultHuge:           `{"Response":{"Padding":"%s","EidToken":"00000000-0000-4000-8000-00000000000A","Url":"https://example.invalid/","RequestId":"00000000-0000-4000-8000-000000000003"}}`,
	},
	"CheckEidTokenStatus": {
		FaultWrongTypes:     `{"Response":{"Status":3,"RequestId":"00000000-0000-4000-8000-000000000004"}}`,
		FaultMissingMembers: `{"Response":{"RequestId":"00000000-0000-4000-8000-000000000005"}}`,
		FaultHuge:           `{"Response":{"Padding":"%s","Status":"finished","RequestId":"00000000-0000-4000-8000-000000000006"}}`,
	},
	"GetEidResult": {
		FaultWrongTypes:     `{"Response":{"Text":{"ErrCode":"0","LiveStatus":false,"Comparestatus":[],"Sim":91.07},"EidInfo":"","RequestId":"00000000-0000-4000-8000-000000000007"}}`,
		FaultMissingMembers: `{"Response":{"Text":{"ErrMsg":"成功","Sim":"91.07"},"RequestId":"00000000-0000-4000-8000-000000000008"}}`,
		FaultHuge:           `{"Response":{"Padding":"%s","Text":{"ErrCode":0,"ErrMsg":"成功","LiveStatus":0,"Comparestatus":0,"Sim":"91.07"},"RequestId":"00000000-0000-4000-8000-000000000009"}}`,
	},
	"CheckIdNameDate": {
		FaultWrongTypes:     `{"Response":{"Result":{"code":0},"Description":["一致"],"RequestId":"00000000-0000-4000-8000-000000000013"}}`,
		FaultMissingMembers: `{"Response":{"Description":"一致","RequestId":"00000000-0000-4000-8000-000000000014"}}`,
		FaultHuge:           `{"Response":{"Padding":"%s","Result":"0","Description":"一致","RequestId":"00000000-0000-4000-8000-000000000015"}}`,
	},
	"check-2e": {
		FaultWrongTypes:     `{"result":{"code":0},"description":["一致"]}`,
		FaultMissingMembers: `{"description":"一致"}`,
		FaultHuge:           `{"padding":"%s","result":"0","description":"一致"}`,
	},
	"CompareFace": {
		FaultWrongTypes:     `{"Response":{"Score":"91.2","FaceModelVersion":3,"RequestId":"00000000-0000-4000-8000-000000000010"}}`,
		FaultMissingMembers: `{"Response":{"FaceModelVersion":"3.0","RequestId":"00000000-0000-4000-8000-000000000011"}}`,
		FaultHuge:           `{"Response":{"Padding":"%s","Score":91.2,"FaceModelVersion":"3.0","RequestId":"00000000-0000-4000-8000-000000000012"}}`,
	},
	sinoChip: {
		FaultWrongTypes:     `{"message":["Success"],"token":{"protected":"eyJhbGciOiJkaXIifQ"}}`,
		FaultMissingMembers: `{"message":"Success"}`,
		FaultHuge:           `{"padding":"%s","message":"Success","token":"eyJhbGciOiJkaXIifQ.AAAA.BBBB.CCCC.DDDD"}`,
	},
	sinoFaceRequest: {
		FaultWrongTypes:     `{"message":"Success","token":7,"url":["https://example.invalid/"]}`,
		FaultMissingMembers: `{"message":"Success","url":"https://example.invalid/"}`,
		FaultHuge:           `{"padding":"%s","message":"Success","token":"e30.e30.AAAA","url":"https://example.invalid/"}`,
	},
	sinoFacePoll: {
		FaultWrongTypes:     `{"message":"Success","faceImage":{"data":"/9j/4AAQSkZJRgABAQAAAQ=="},"sceneImage":7}`,
		FaultMissingMembers: `{"message":"Success"}`,
		FaultHuge:           `{"padding":"%s","message":"Success","faceImage":"/9j/4AAQSkZJRgABAQAAAQ=="}`,
	},
	megviiToken: {
		FaultWrongTypes:     `{"request_id":"1751328000,0","time_used":"84","token":7,"biz_id":["1751328000,0"],"biz_no":"x","expired_time":"soon"}`,
		FaultMissingMembers: `{"request_id":"1751328000,0","time_used":84,"token":"9f2c4b7a1d3e5f60718293a4b5c6d7e8","biz_no":"x","expired_time":4102444800}`,
		FaultHuge:           `{"padding":"%s","request_id":"1751328000,0","time_used":84,"token":"9f2c4b7a1d3e5f60718293a4b5c6d7e8","biz_id":"1751328000,0","biz_no":"x","expired_time":4102444800}`,
	},
	megviiResult: {
		FaultWrongTypes:     `{"request_id":"1751328000,0","time_used":84,"status":1,"biz_info":"x","liveness_result":"PASS","verify_result":[]}`,
		FaultMissingMembers: `{"request_id":"1751328000,0","time_used":84,"liveness_result":{"result":"PASS"}}`,
		FaultHuge:           `{"padding":"%s","request_id":"1751328000,0","time_used":84,"status":"OK","liveness_result":{"result":"PASS"}}`,
	},
}
