package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
)

// Sealer seals what is personal or secret before it reaches the database.
// internal/sealing.Keys is one.
type Sealer interface {
	// Seal encrypts a value and binds it to its place: the same bytes in
	// another row or column do not open.
	Seal(row, column string, plain []byte) ([]byte, error)
	// Open reverses Seal, also for values sealed with an earlier key.
	Open(row, column string, sealed []byte) ([]byte, error)
	// List tells of the keys of the set.
	List() []sealing.KeyInfo
	// MAC binds parts of what rests in the open; CheckMAC checks that, also for
	// an earlier key.
	MAC(kind string, parts ...string) ([]byte, error)
	CheckMAC(mac []byte, kind string, parts ...string) error
	// Hash is a keyed hash whose key never rotates.
	Hash(purpose string, parts ...string) []byte
	// HashCheck tells one hash key from another without revealing either.
	HashCheck() string
}

// Names under which the sealed columns are bound. They are part of what is
// sealed: a renamed column keeps its name here.
const (
	columnRequest = "verifications.request"
	columnLink    = "sessions.link"
	columnHandle  = "sessions.handle"

	columnPageCode = "verifications.page_code"

	columnCard     = "verifications.card"
	columnPortrait = "verifications.portrait"
	columnReqID    = "scans.reqid"
	columnNotice   = "sessions.notice"
	columnOutcome  = "sessions.outcome"
	columnNote     = "decisions.note"
)

// sessionRow names a session's row to the Sealer.
func sessionRow(id string, number int) string { return id + "/session/" + strconv.Itoa(number) }

// seal returns nil, the database's NULL, for an empty value.
func (s *sqlStore) seal(row, column string, plain []byte) ([]byte, error) {
	if len(plain) == 0 {
		return nil, nil
	}
	sealed, err := s.keys.Seal(row, column, plain)
	if err != nil {
		return nil, fmt.Errorf("store: seal %s of %s: %w", column, row, err)
	}
	return sealed, nil
}

func (s *sqlStore) open(row, column string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	plain, err := s.keys.Open(row, column, sealed)
	if err != nil {
		return nil, fmt.Errorf("store: %s of %s does not open: %w", column, row, err)
	}
	return plain, nil
}

// errGarbled stands in for the errors of encoding/json, which quote what they
// stumbled over.
var errGarbled = errors.New("not the JSON that was expected")

func fromJSON(row, column string, data []byte, v any) error {
	if json.Unmarshal(data, v) != nil {
		return fmt.Errorf("store: %s of %s: %w", column, row, errGarbled)
	}
	return nil
}
