package residentid

// Chip is what a card's chip says beside number, name and end. Empty members
// were not read and are not compared.
type Chip struct {
	Birth string // YYYYMMDD
	Sex   Sex
	From  string // YYYYMMDD
}

// CheckChip compares a chip's data with the number on it, and returns soft
// codes. Cards with a chip exist since 2004.
func CheckChip(number string, c Chip) []Code {
	var soft []Code
	birth, known := BirthDate(number)
	if c.Birth != "" && known && birth.Format("20060102") != NormaliseDate(c.Birth) {
		soft = append(soft, ChipBirthMismatch)
	}
	if sex := SexOf(number); c.Sex != SexUnknown && sex != SexUnknown && sex != c.Sex {
		soft = append(soft, ChipSexMismatch)
	}
	first, _ := parseDate(firstChipCards)
	if from, ok := parseDate(NormaliseDate(c.From)); ok && from.Before(first) {
		soft = append(soft, ChipBefore2004)
	}
	return soft
}
