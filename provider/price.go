package provider

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Money is an amount with its currency.
type Money struct {
	Amount   float64
	Currency string // three capitals, ISO 4217; empty: no amount at all
}

// UnmarshalText reads "0.6 CNY".
func (m *Money) UnmarshalText(text []byte) error {
	amount, currency, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseFloat(amount, 64)
	if err != nil || !(n >= 0) || math.IsInf(n, 0) || len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return errors.New("not an amount and a currency")
	}
	*m = Money{n, currency}
	return nil
}

// Form says how money is written.
func (Money) Form() string { return "price such as \"0.6 CNY\"" }

func (m Money) String() string {
	if m.Currency == "" {
		return ""
	}
	return strconv.FormatFloat(m.Amount, 'f', -1, 64) + " " + m.Currency
}

// Price is what a vendor charges for, where that is one thing: a part of its settings.
type Price struct {
	Price Money `env:"PRICE" help:"What one question, comparison or judged face session costs, such as \"0.6 CNY\", for the metric yanzhen_vendor_cost_total. Without it no money is counted."`
}

// Costs implements Priced.
func (p *Price) Costs(string) Money { return p.Price }

// Priced are the Settings of a vendor whose prices can be set, by the operations
// of Call, and "session" for a judged face session.
type Priced interface{ Costs(operation string) Money }
