package settings_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
)

const secret = "s3cr3t-that-must-not-be-shown"

type pair struct{ a, b string }

func (pair) Form() string     { return "pair such as a=b" }
func (p pair) String() string { return p.a + "=" + p.b }

func (p *pair) UnmarshalText(text []byte) error {
	if len(text) != 3 || text[1] != '=' {
		return errNoPair
	}
	p.a, p.b = string(text[0]), string(text[2])
	return nil
}

var errNoPair = &settings.Error{Setting: "never", What: "shown"}

type part struct {
	Words []string `env:"WORDS" envDefault:"a,b" help:"Words, with | or without."`
}

// Shared is embedded by many.
type Shared struct {
	Last string `env:"LAST" help:"The last."`
}

type config struct {
	_ struct{} `prefix:"X_"`

	Key   string        `env:"KEY" needed:"true" secret:"all" help:"The key,"`
	ID    string        `env:"ID" needed:"true" help:"and its id."`
	Half  string        `env:"HALF" else:"YANZHEN_Y_HALF" secret:"all"`
	Half2 string        `env:"HALF2" else:"YANZHEN_Y_HALF2"`
	URL   string        `env:"URL" envDefault:"https://x.example/base" address:"true"`
	DSN   string        `env:"DSN" secret:"dsn"`
	Path  string        `env:"PATH" secret:"path"`
	Wait  time.Duration `env:"WAIT" envDefault:"10s"`
	Level slog.Level    `env:"LEVEL" envDefault:"warn"`
	Rate  float64       `env:"RATE" envDefault:"2.5"`
	On    bool          `env:"ON" envDefault:"true"`
	Pair  pair          `env:"PAIR"`
	Part  part          `envPrefix:"PART_"`
	Shared
	Logger *slog.Logger
}

func read(t *testing.T, vars map[string]string) config {
	t.Helper()
	var c config
	require.Empty(t, settings.Read(&c, vars))
	return c
}

func TestVariablesAreReadAndTheRestHasItsDefaults(t *testing.T) {
	c := read(t, map[string]string{"YANZHEN_X_KEY": "k", "YANZHEN_X_WAIT": "1m", "YANZHEN_X_LEVEL": "", "YANZHEN_X_PAIR": "c=d", "YANZHEN_X_PART_WORDS": "x,y z", "YANZHEN_X_LAST": "l"})
	require.Equal(t, config{
		Key: "k", URL: "https://x.example/base", Wait: time.Minute, Level: slog.LevelWarn, Rate: 2.5, On: true, Pair: pair{"c", "d"}, Part: part{[]string{"x", "y z"}},
		Shared: Shared{"l"},
	}, c)
	require.True(t, settings.On(c))
	require.False(t, settings.On(&config{}))
	require.Equal(t, "YANZHEN_X_KEY and YANZHEN_X_ID", settings.Needed(c))

	c = settings.WithDefaults(config{Wait: time.Second, Part: part{[]string{"own"}}})
	require.Equal(t, time.Second, c.Wait)
	require.Equal(t, []string{"own"}, c.Part.Words)
	require.InDelta(t, 2.5, c.Rate, 0)
}

// A value that cannot be read is named and not shown: it may be a secret in
// the wrong place.
func TestWhatCannotBeReadIsNamedWithItsFormAndWithoutItsValue(t *testing.T) {
	var c config
	var texts []string
	for _, err := range settings.Read(&c, map[string]string{
		"YANZHEN_X_WAIT": secret, "YANZHEN_X_LEVEL": secret, "YANZHEN_X_RATE": secret, "YANZHEN_X_ON": secret, "YANZHEN_X_PAIR": secret,
	}) {
		texts = append(texts, err.Error())
	}
	require.Equal(t, []string{
		"YANZHEN_X_WAIT is not a duration such as 10s or 5m", "YANZHEN_X_LEVEL is not a level: debug, info, warn or error", "YANZHEN_X_RATE is not a number",
		"YANZHEN_X_ON is not a yes or no: write true or false", "YANZHEN_X_PAIR is not a pair such as a=b",
	}, texts)
}

// What is shared is taken as a whole or not at all.
func TestAnotherVariableServesWhereNoneOfTheStructsOwnIsSet(t *testing.T) {
	theirs := map[string]string{"YANZHEN_Y_HALF": "s", "YANZHEN_Y_HALF2": "t"}
	c := read(t, theirs)
	require.Equal(t, []string{"s", "t"}, []string{c.Half, c.Half2})
	theirs["YANZHEN_X_HALF2"] = "own"
	c = read(t, theirs)
	require.Equal(t, []string{"", "own"}, []string{c.Half, c.Half2})
}

func TestSecretsAreMasked(t *testing.T) {
	c := read(t, map[string]string{
		"YANZHEN_X_KEY": secret, "YANZHEN_X_ID": "i", "YANZHEN_X_HALF": secret, "YANZHEN_X_DSN": "postgres://yz:" + secret + "@db/yz?password=" + secret,
		"YANZHEN_X_PATH": `{"keys":["` + secret + `"]}`,
	})
	for _, text := range []string{settings.Lines(c), settings.Line(&c)} {
		require.NotContains(t, text, secret)
		for _, want := range []string{
			"YANZHEN_X_KEY=***", "YANZHEN_X_ID=i", "YANZHEN_X_DSN=postgres://yz:xxx@db/yz?password=xxx", "YANZHEN_X_PATH=***", "YANZHEN_X_WAIT=10s", "YANZHEN_X_PART_WORDS=a,b",
		} {
			require.Contains(t, text, want)
		}
	}
	require.Contains(t, settings.Lines(read(t, map[string]string{"YANZHEN_X_PATH": "/keys.json"})), "YANZHEN_X_PATH=/keys.json\n")
	for _, dsn := range []string{"host=db password=" + secret, "postgres://yz:" + secret + "@db/%zz"} {
		require.NotContains(t, settings.Lines(read(t, map[string]string{"YANZHEN_X_DSN": dsn})), secret)
	}
	require.Contains(t, settings.Markdown(settings.Of(c)), "| `YANZHEN_X_PART_WORDS` | `a,b` | Words, with \\| or without. |\n")
}

// A check is given the field and tells of the variable.
func TestAnErrorNamesTheVariableOfTheField(t *testing.T) {
	c := settings.WithDefaults(config{Key: "with space", URL: "http://x.example", Wait: time.Hour})
	check := settings.NewCheck(&c)
	check.Needed()
	check.Word(&c.Key, &c.ID)
	check.URL(&c.URL)
	check.Span(&c.Wait, time.Minute)
	check.Bad(&c.Part.Words, "needs %s", check.Name(&c.Rate))
	require.EqualError(t, check.Err(), `YANZHEN_X_ID is not set, but YANZHEN_X_KEY is: set YANZHEN_X_KEY and YANZHEN_X_ID, or none of them
YANZHEN_X_KEY must be printable ASCII without spaces
YANZHEN_X_URL must be https: http is for loopback only
YANZHEN_X_WAIT must be more than 0 and at most 1m0s
YANZHEN_X_PART_WORDS needs YANZHEN_X_RATE`)
	require.NoError(t, settings.NewCheck(&c).Err())
	elsewhere := ""
	require.Panics(t, func() { check.Bad(&elsewhere, "is no field") })
}

func TestAnAddressIsAURLOrAHost(t *testing.T) {
	for address, want := range map[string]string{
		"iai.tencentcloudapi.com": "iai.tencentcloudapi.com", "127.0.0.1:8081/iai": "127.0.0.1", "https://x": "x", "http://[::1]:8/y": "::1",
		"": "", "u@x": "", "x?y": "", "x#y": "", ":80": "", "https://": "",
	} {
		host, ok := settings.Host(address)
		require.Equal(t, want, host, address)
		require.Equal(t, want != "", ok, address)
	}
	var c struct {
		Endpoint string `env:"ENDPOINT"`
		Scheme   string `env:"SCHEME"`
	}
	for _, bad := range []string{"", "https://x", "u@x", "x?y", ":80"} {
		c.Endpoint, c.Scheme = bad, "https"
		check := settings.NewCheck(&c)
		check.Endpoint(&c.Endpoint, &c.Scheme)
		require.ErrorContains(t, check.Err(), "YANZHEN_ENDPOINT must be a host without a scheme; the scheme is YANZHEN_SCHEME", bad)
	}
}

func TestOnlyThisMachineIsLoopback(t *testing.T) {
	for _, host := range []string{"localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"} {
		require.True(t, settings.Loopback(host), host)
	}
	for _, host := range []string{"", "localhost.evil.example", "10.0.0.1", "api.acedata.cloud", "127.0.0.1.evil.example", "0.0.0.0"} {
		require.False(t, settings.Loopback(host), host)
	}
}
