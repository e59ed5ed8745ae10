package config_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
)

func logo(t *testing.T, side int) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))))
	return b.Bytes()
}

// A client's page carries the name, the logo and the colour that its entry
// names; the logo's path counts from the catalogue.
func TestAClientBrandsItsPage(t *testing.T) {
	setting := file(t, `
clients:
  - id: shop
    keys: [{name: first, hash: "", scopes: []}]
    display_name: {zh-CN: 测试商店, en: Test Shop}
    logo: shop.png
    accent: "#07c160"
  - id: bank
    keys: [{name: first, hash: "", scopes: []}]
    display_name: 测试银行
  - id: plain
    keys: [{name: first, hash: "", scopes: []}]
`)
	folder := filepath.Dir(setting[len("YANZHEN_CONFIG="):])
	require.NoError(t, os.WriteFile(filepath.Join(folder, "shop.png"), logo(t, 64), 0o600))
	c, err := load([]string{setting}, config.Needs{})
	require.NoError(t, err)
	shop := c.Brands["shop"]
	require.Equal(t, "测试商店", shop.Name("zh-CN"))
	require.Equal(t, "Test Shop", shop.Name("en"))
	require.Equal(t, 64, shop.Logo.Width)
	require.NotEmpty(t, shop.Accent.Dark)
	require.Equal(t, "测试银行", c.Brands["bank"].Name("en"))
	require.Empty(t, c.Brands["bank"].Logo)
	require.Equal(t, "plain", c.Brands["plain"].Name("zh-CN"), "without a name its id")
}

// What cannot stand on the page is refused at the start, with all the rest and
// by its name.
func TestABrandThatWouldNotDoIsRefused(t *testing.T) {
	folder := t.TempDir()
	big := filepath.Join(folder, "big.png")
	require.NoError(t, os.WriteFile(big, logo(t, 600), 0o600))
	for _, c := range []struct{ entry, why string }{
		{`display_name: "a\u202eb"`, `client "shop": display_name contains an invisible character`},
		{`display_name: {zh-CN: 商店}`, "has no text for en"},
		{`display_name: {zh-CN: 商店, fr: Boutique, en: Shop}`, `"fr" is no language of the page`},
		{`display_name: [a]`, "must be a text, or one for each of zh-CN and en"},
		{`logo: missing.png`, `client "shop": logo: missing.png cannot be read: no such file`},
		{`logo: ` + big, `big.png is 600 by 600 pixels, want at most 512 by 512`},
		{`logo: .`, `client "shop": logo: . cannot be read`},
		{`accent: red`, `client "shop": accent must be a colour such as #1257c0`},
	} {
		_, err := load([]string{file(t, "clients:\n  - id: shop\n    keys: [{name: first, hash: \"\", scopes: []}]\n    "+c.entry+"\n")}, config.Needs{})
		require.ErrorContains(t, err, c.why, c.entry)
	}
}
