package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/yanzhen-id/yanzhen/page/brand"
)

// The languages of the person's page.
const (
	langChinese = "zh-CN"
	langEnglish = "en"
)

var languages = []string{langChinese, langEnglish}

// Words is a text for each language of the person's page. In the file it may be
// one text, which then stands in each.
type Words map[string]string

// UnmarshalYAML reads one text, or one for each language.
func (w *Words) UnmarshalYAML(read func(any) error) error {
	var one string
	if err := read(&one); err == nil {
		*w = Words{langChinese: one, langEnglish: one}
		return nil
	}
	var each map[string]string
	if err := read(&each); err != nil {
		return errors.New("must be a text, or one for each of zh-CN and en")
	}
	for lang := range each {
		if !slices.Contains(languages, lang) {
			return fmt.Errorf("%q is no language of the page, which are zh-CN and en", lang)
		}
	}
	for _, lang := range languages {
		if each[lang] == "" {
			return fmt.Errorf("has no text for %s", lang)
		}
	}
	*w = each
	return nil
}

// brand makes the brand of a client. Its logo's path counts from the folder of
// the catalogue.
func (cl Client) brand(folder string) (brand.Brand, []error) {
	var faults []error
	bad := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("client %q: "+format, append([]any{cl.ID}, args...)...))
	}
	b := brand.Brand{Names: cl.DisplayName}
	if cl.DisplayName == nil {
		b.Names = Words{langChinese: cl.ID, langEnglish: cl.ID}
	}
	for _, lang := range languages {
		if err := brand.CheckName(b.Names[lang]); err != nil {
			bad("display_name %w", err)
			break // one name for both languages needs one error
		}
	}
	if cl.Logo != "" {
		logo, err := readLogo(folder, cl.Logo)
		if err != nil {
			bad("logo: %s %w", cl.Logo, err)
		}
		b.Logo = logo
	}
	if cl.Accent != "" {
		accent, err := brand.ParseAccent(cl.Accent)
		if err != nil {
			bad("accent %w", err)
		}
		b.Accent = accent
	}
	return b, faults
}

// Files are those that the catalogue is made of: itself, and the logos.
func (c *Config) Files() []string {
	files := []string{c.File}
	for _, cl := range c.Clients {
		if cl.Logo != "" {
			files = append(files, logoPath(filepath.Dir(c.File), cl.Logo))
		}
	}
	return files
}

func logoPath(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

func readLogo(folder, path string) (brand.Logo, error) {
	f, err := os.Open(logoPath(folder, path))
	if err != nil {
		return brand.Logo{}, fmt.Errorf("cannot be read: %w", underlying(err))
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, brand.MaxLogoFile+1))
	if err != nil {
		return brand.Logo{}, fmt.Errorf("cannot be read: %w", underlying(err))
	}
	return brand.ParseLogo(file)
}
