package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

//go:embed consents.yaml
var builtInConsents []byte

// consentText is the text of one purpose, as the catalogue writes it.
type consentText struct {
	Purpose verification.Purpose `yaml:"purpose"`
	Version string               `yaml:"version"`
	Chinese consentWords         `yaml:"zh-CN"`
	English consentWords         `yaml:"en"`
}

type consentWords struct {
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
}

func (t consentText) in(lang string) consentWords {
	if lang == langEnglish {
		return t.English
	}
	return t.Chinese
}

// processor is what consent texts say of a vendor, where its contract says
// something else than the vendor's published terms.
type processor struct {
	Vendor string `yaml:"vendor"`
	// Jurisdiction is where it processes what it is told, as a code of ISO 3166-1.
	Jurisdiction string         `yaml:"jurisdiction"`
	Chinese      provider.Party `yaml:"zh-CN"`
	English      provider.Party `yaml:"en"`
}

// keeps is what a client keeps where its entry says nothing else.
var keeps = Words{
	langChinese: "{client} 加密保存上述信息和核验结果，期限不超过业务需要。您可以随时要求 {client} 删除，或者撤回同意。",
	langEnglish: "{client} keeps this data and the result encrypted, no longer than needed. You can have it erased, or withdraw your consent, at any time: ask {client}.",
}

// ConsentText returns what a person is asked to agree to for a purpose, in a
// verification of the client's under the policy. The purpose must be one of the
// catalogue, the language one of the page.
func (c *Config) ConsentText(p verification.Policy, client string, purpose verification.Purpose, lang string) verification.ConsentText {
	t := c.consents[purpose]
	name, kept := client, keeps[lang]
	if b, ok := c.Brands[client]; ok {
		name = b.Name(lang)
	}
	if at := slices.IndexFunc(c.Clients, func(cl Client) bool { return cl.ID == client }); at >= 0 && c.Clients[at].Keeps != nil {
		kept = c.Clients[at].Keeps[lang]
	}
	var lines []string
	for _, v := range c.asked(p, purpose) {
		lines = append(lines, partyLine(v.Parties[lang], lang))
	}
	words := t.in(lang)
	// A name is put in last and once, so that one that looks like a place is
	// nothing but a name.
	text := strings.NewReplacer("{vendors}", strings.Join(lines, "\n"), "{keeps}", kept).Replace(words.Text)
	fill := strings.NewReplacer("{client}", name)
	return verification.ConsentText{Purpose: purpose, Version: t.Version, Language: lang,
		Title: fill.Replace(words.Title), Text: strings.TrimSpace(fill.Replace(text))}
}

func partyLine(p provider.Party, lang string) string {
	if lang == langEnglish {
		return "· " + p.Name + " (" + p.Country + "); " + p.Keeps
	}
	return "· " + p.Name + "（" + p.Country + "）；" + p.Keeps
}

// named are the vendors that a policy names for a purpose.
func named(p verification.Policy, purpose verification.Purpose) []string {
	var names []string
	switch purpose {
	case verification.PurposeDocumentChip:
		names = []string{p.ChipProvider}
	case verification.PurposeIdentityRecords:
		names = p.RecordsProviders
	case verification.PurposeFace:
		names = p.FaceProviders
	case verification.PurposePortraitComparison:
		names = []string{p.Comparer}
	case verification.PurposeVendorAbroad:
		names = slices.Concat([]string{p.ChipProvider}, p.RecordsProviders, p.FaceProviders, []string{p.Comparer})
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" })
}

// asked are the vendors that a policy may ask for a purpose.
func (c *Config) asked(p verification.Policy, purpose verification.Purpose) []provider.Vendor {
	names := named(p, purpose)
	var out []provider.Vendor
	for _, v := range c.Vendors {
		if slices.Contains(names, v.Name) && (purpose != verification.PurposeVendorAbroad || v.Abroad()) {
			out = append(out, v.Vendor)
		}
	}
	return out
}

// builtInTexts are the consent texts that stand where the catalogue has none.
func builtInTexts() map[verification.Purpose]consentText {
	file, err := parse(bytes.NewReader(builtInConsents))
	if err != nil {
		panic(fmt.Sprintf("config: the built-in consent texts: %v", err)) // a test loads them
	}
	out := map[verification.Purpose]consentText{}
	for _, t := range file.ConsentTexts {
		out[t.Purpose] = t
	}
	return out
}

// takeConsents takes over the consent texts and what is said of vendors.
func (c *Config) takeConsents(file catalogue) []error {
	faults := c.takeProcessors(file.Processors)
	seen := map[verification.Purpose]bool{}
	for i, t := range file.ConsentTexts {
		bad := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("consent_texts[%d]: "+format, append([]any{i}, args...)...))
		}
		if !slices.Contains(verification.Purposes, t.Purpose) {
			bad("%q is no purpose", t.Purpose)
			continue
		}
		if seen[t.Purpose] {
			bad("%s stands twice", t.Purpose)
		}
		seen[t.Purpose] = true
		if !textVersion.MatchString(t.Version) || t.Version == c.consents[t.Purpose].Version {
			bad("%s: state a version, other than the built-in %q: letters, digits, - _ and ., at most 40", t.Purpose, c.consents[t.Purpose].Version)
		}
		for _, lang := range languages {
			if why := t.in(lang).fault(); why != "" {
				bad("%s: %s: %s", t.Purpose, lang, why)
			}
		}
		c.consents[t.Purpose] = t
	}
	for _, name := range slices.Sorted(maps.Keys(c.written)) {
		for _, purpose := range c.Policies[name].Consents {
			p := c.Policies[name]
			if len(named(p, purpose)) == 0 || purpose == verification.PurposeVendorAbroad && len(c.asked(p, purpose)) == 0 {
				faults = append(faults, fmt.Errorf("policy %q: consents: %s, but it asks no vendor for it", name, purpose))
			}
		}
	}
	faults = append(faults, c.checkAbroad()...)
	for _, cl := range c.Clients {
		for _, lang := range languages {
			if why := faultOf("keeps", cl.Keeps[lang], 1000); cl.Keeps != nil && why != "" {
				faults = append(faults, fmt.Errorf("client %q: %s: %s", cl.ID, lang, why))
			}
		}
	}
	return faults
}

// checkAbroad holds the policies of the catalogue to what they say of vendors
// abroad.
func (c *Config) checkAbroad() []error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.written)) {
		p := c.Policies[name]
		for _, v := range c.asked(p, verification.PurposeVendorAbroad) {
			where := "outside the Chinese mainland, in " + v.Jurisdiction
			if v.Jurisdiction == provider.Unconfirmed {
				where = "perhaps outside the Chinese mainland: processors may say its jurisdiction"
			}
			switch {
			case p.Abroad == verification.AbroadRefuse:
				faults = append(faults, fmt.Errorf("policy %q: abroad: refuse, but it asks %s, which is %s", name, v.Name, where))
			case p.Abroad == verification.AbroadConsent && len(p.Consents) > 0 && !slices.Contains(p.Consents, verification.PurposeVendorAbroad):
				faults = append(faults, fmt.Errorf("policy %q: consents must name vendor_abroad too, since it asks %s, which is %s", name, v.Name, where))
			}
		}
	}
	return faults
}

var (
	countryCode = regexp.MustCompile(`^[A-Z]{2}$`)
	textVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)
	place       = regexp.MustCompile(`\{[^{}\n]{0,40}\}`)
)

// fault tells what is wrong with the words, or "".
func (w consentWords) fault() string {
	if why := faultOf("title", w.Title, 60); why != "" {
		return why
	}
	if strings.Contains(w.Title, "\n") {
		return "title has more than one line"
	}
	return faultOf("text", w.Text, 4000)
}

func faultOf(what, text string, most int) string {
	if strings.TrimSpace(text) == "" {
		return what + " is empty"
	}
	if utf8.RuneCountInString(text) > most {
		return fmt.Sprintf("%s is longer than %d characters", what, most)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r == unicode.ReplacementChar || r != '\n' && !unicode.IsPrint(r) }) {
		return what + " contains an invisible character"
	}
	for _, p := range place.FindAllString(text, -1) {
		if !slices.Contains([]string{"{client}", "{vendors}", "{keeps}"}, p) {
			return fmt.Sprintf("%s holds %s, but only {client}, {vendors} and {keeps} are filled in", what, p)
		}
	}
	return ""
}

// takeProcessors lays what the catalogue says of vendors over their descriptors.
func (c *Config) takeProcessors(said []processor) []error {
	var faults []error
	for i, s := range said {
		at := slices.IndexFunc(c.Vendors, func(v Vendor) bool { return v.Name == s.Vendor })
		if at < 0 {
			faults = append(faults, fmt.Errorf("processors[%d]: there is no vendor %q", i, s.Vendor))
			continue
		}
		v := &c.Vendors[at].Vendor
		parties := map[string]provider.Party{}
		for _, lang := range languages {
			p, over := v.Parties[lang], s.Chinese
			if lang == langEnglish {
				over = s.English
			}
			for _, f := range []struct {
				name, said string
				to         *string
			}{{"name", over.Name, &p.Name}, {"country", over.Country, &p.Country}, {"keeps", over.Keeps, &p.Keeps}} {
				if f.said == "" {
					continue
				}
				if why := faultOf(f.name, f.said, 200); why != "" {
					faults = append(faults, fmt.Errorf("processors[%d]: %s: %s", i, lang, why))
				}
				*f.to = f.said
			}
			parties[lang] = p
		}
		v.Parties = parties
		switch {
		case s.Jurisdiction == "":
		case !countryCode.MatchString(s.Jurisdiction):
			faults = append(faults, fmt.Errorf("processors[%d]: jurisdiction: want a code of ISO 3166-1 in capitals, such as CN or HK", i))
		case s.Chinese.Country == "" || s.English.Country == "":
			faults = append(faults, fmt.Errorf("processors[%d]: jurisdiction: name the country in zh-CN and en too, as persons read it", i))
		default:
			v.Jurisdiction = s.Jurisdiction
		}
	}
	return faults
}
