package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"strings"

	"github.com/gin-gonic/gin"
)

// smallPage is a page that says one thing, in Chinese and English.
type smallPage struct {
	html string
	// policy lets the page show its one style sheet and do nothing else.
	policy string
}

//go:embed smallpage.html
var smallPageText string

var smallPageTemplate = template.Must(template.New("").Parse(smallPageText))

var (
	// closePage is for a person whose verification has nowhere to send them.
	closePage = newSmallPage("验证已提交 · Verification submitted", "您可以关闭此页面",
		"请回到您开始验证的应用或网页，结果会在那里显示。",
		"You can close this page and go back to where you began. The result is shown there.")
	// badLinkPage is for a person whose return link leads nowhere.
	badLinkPage = newSmallPage("链接无法打开 · This link does not work", "此链接无法打开",
		"请回到您开始验证的应用或网页，从那里继续。",
		"This link could not be opened. Go back to where you began and continue there.")
)

func newSmallPage(title, heading, chinese, english string) smallPage {
	var b bytes.Buffer
	err := smallPageTemplate.Execute(&b, map[string]string{"Title": title, "Heading": heading, "Chinese": chinese, "English": english})
	if err != nil {
		panic(err) // the texts are ours
	}
	html := b.String()
	_, rest, _ := strings.Cut(html, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return smallPage{html: html, policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
}

// write answers with the page.
func (p smallPage) write(c *gin.Context, status int) {
	c.Header("Referrer-Policy", noReferrer)
	c.Header("Cache-Control", noStore)
	c.Header("Content-Security-Policy", p.policy)
	c.Data(status, "text/html; charset=utf-8", []byte(p.html))
}
