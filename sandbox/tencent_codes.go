package sandbox

// tencentEnding is a result code with a short word for the person's page. The
// words are ours; the vendor's own change without notice.
type tencentEnding struct {
	code   int
	zh, en string
}

// tencentEndings is the vendor's table of result codes for E证通,
// https://cloud.tencent.com/document/product/1007/115318. 2012 to 2015 and 2017
// are taken from the sibling product's table.
var tencentEndings = []tencentEnding{
	{0, "成功", "passed"},
	{1, "调用方式错误", "wrong call (1)"},
	{2, "调用方式错误", "wrong call (2)"},
	{3, "调用方式错误", "wrong call (3)"},
	{4, "服务异常", "service fault (4)"},
	{8, "服务异常", "service fault (8)"},
	{10, "服务异常", "service fault (10)"},
	{12, "服务异常", "service fault (12)"},
	{13, "服务异常", "service fault (13)"},
	{14, "本次核身已完成", "this check is already complete"},
	{15, "token 已过期", "token expired"},
	{16, "超过重试次数", "retry limit reached"},
	{17, "流程未完成", "flow not finished"},
	{201, "图片拉取失败", "picture not fetched"},
	{202, "视频拉取失败", "video not fetched"},
	{203, "无权限", "no permission"},
	{204, "公众号未授权", "official account not authorised"},
	{301, "证件号与传入信息不一致", "scanned number differs from the one given"},
	{302, "身份证已过期", "card expired"},
	{303, "证件识别失败", "card scan failed"},
	{1001, "引擎调用超时", "engine timeout"},
	{1002, "疑似翻拍或攻击", "suspected not a live recording"},
	{1003, "活体检测未通过", "liveness not passed"},
	{1004, "活体检测未通过", "liveness not passed (1004)"},
	{1005, "活体检测未通过", "liveness not passed (1005)"},
	{1006, "证件源异常", "identity source fault"},
	{1007, "活体结果未拉取到", "liveness result not fetched"},
	{1008, "网络不稳定", "network unstable"},
	{2001, "比对引擎超时", "compare engine timeout"},
	{2002, "姓名格式错误", "malformed name"},
	{2003, "身份证号格式错误", "malformed ID number"},
	{2004, "未取得合格照片", "no usable picture"},
	{2005, "库中无此号码", "identity not found"},
	{2006, "姓名与身份证号不匹配", "name and number do not match"},
	{2007, "库中无照片", "no reference photo"},
	{2008, "库中无照片", "no reference photo (2008)"},
	{2009, "库中照片过小", "reference photo too small"},
	{2010, "人脸不完整", "face not fully visible"},
	{2011, "非同一人或疑似非活体", "not the same person or not live"},
	{2012, "存在多张人脸", "several faces"},
	{2013, "人脸不完整", "incomplete face"},
	{2014, "视频分辨率过低", "video resolution too low"},
	{2015, "比对失败", "compare failed"},
	{2016, "比对相似度未达到通过标准", "similarity below the threshold"},
	{2017, "权威源维护中", "authoritative source under maintenance"},
}

func tencentMessage(code int) string {
	for _, e := range tencentEndings {
		if e.code == code {
			return e.zh
		}
	}
	return "未知错误"
}
