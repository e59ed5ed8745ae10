// Package residentid holds the rules for the number, the name and the
// validity dates on Chinese identity cards, as far as they can be checked
// without asking anybody. It is pure: the day is given, nothing is looked up,
// and no finding repeats a value.
//
// Sources: GB 11643-1999 (number), ISO 7064 MOD 11-2 (check character), Law on
// Resident Identity Cards art. 5 (terms), notice 民委发〔2016〕33号 (separator in
// names), 国办发〔2018〕81号 (residence permits for Hong Kong, Macau, Taiwan).
//
// Two kinds of findings must not be mixed. Malformed data is a mistake in the input,
// which can be corrected. An expired card is well-formed, and the person needs a new
// card.
package residentid
