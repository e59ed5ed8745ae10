package sealing

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// KeyInfo is what may be shown of a key.
type KeyInfo struct {
	ID, Use string
	// Active: it seals, issues or signs; the others of its use only open or check.
	Active bool
	// From is when it is first used; zero: from the start.
	From time.Time
	// Public: of one that signed only the public part is left.
	Public bool
	// Check is a keyed hash of the key, by which another one of the same id is
	// found out.
	Check string
	// By and Reason say who made it and why, as far as is known.
	By, Reason string
}

// List returns the info of each key of the set, by use and in the file's order.
func (k *Keys) List() (out []KeyInfo) {
	now, s := time.Now(), k.set()
	for _, list := range []struct {
		use  string
		keys []key
	}{{useSeal, s.seal}, {useHash, []key{s.hash}}, {useTicket, s.ticket}, {useSig, s.sig}} {
		for _, one := range list.keys {
			out = append(out, KeyInfo{
				ID: one.id, Use: list.use, Active: one.id == active(list.keys, now).id, From: one.from, Public: list.use == useSig && one.sign.IsPublic(),
				Check: hex.EncodeToString(k.Hash("key check", list.use, one.id, string(one.bytes))), By: one.by, Reason: one.reason,
			})
		}
	}
	return out
}

// added are members of a JWK beside its key: when it is first used (a NumericDate
// as in RFC 7519), who made it and why.
type added struct {
	NotBefore int64  `json:"nbf,omitempty"`
	By        string `json:"added_by,omitempty"`
	Reason    string `json:"added_for,omitempty"`
}

func (a added) key(id string) key {
	k := key{id: id, by: a.By, reason: a.Reason}
	if a.NotBefore != 0 {
		k.from = time.Unix(a.NotBefore, 0).UTC()
	}
	return k
}

// Uses are the uses whose keys rotate.
func Uses() []string { return []string{useSeal, useTicket, useSig} }

// Addition says which key is added to a set.
type Addition struct {
	Use string
	// From is when it is first used: later than every process has read the file.
	// The first key of a use is used at once.
	From       time.Time
	By, Reason string
}

// With returns the text of a key set with one more key. All that is in the set
// stays as it is. One that waits for its time already is an error.
func With(text []byte, a Addition) (with []byte, id string, err error) {
	keys, err := Parse(text)
	if err != nil {
		return nil, "", err
	}
	if !slices.Contains(Uses(), a.Use) {
		return nil, "", fmt.Errorf("sealing: a key of the use %q is not added: want seal, ticket or sig", a.Use)
	}
	extra := added{By: a.By, Reason: a.Reason}
	now := time.Now()
	for _, k := range keys.List() {
		if k.Use != a.Use {
			continue
		}
		extra.NotBefore = a.From.Unix()
		if k.From.After(now) {
			return nil, "", fmt.Errorf("sealing: the key %q was added before and becomes active at %s: wait for that", k.ID, k.From.Format(time.RFC3339))
		}
	}
	fresh := newKey(a.Use)
	one, err := withMembers(fresh, extra)
	if err != nil {
		return nil, "", err
	}
	with, err = edit(text, func(list []json.RawMessage) []json.RawMessage { return append(list, one) })
	return with, fresh.KeyID, err
}

// Without returns the text of a key set without a key. Of one that signs its public
// part stays, so that what it signed can still be checked.
func Without(text []byte, id string) ([]byte, error) {
	keys, err := Parse(text)
	if err != nil {
		return nil, err
	}
	s := keys.set()
	var instead json.RawMessage
	if k, ok := find(s.sig, id); ok {
		if k.sign.IsPublic() {
			return nil, fmt.Errorf("sealing: of the key %q only the public part is left, which stays: by it what it signed is checked", id)
		}
		if instead, err = withMembers(k.sign.Public(), added{By: k.by, Reason: k.reason}); err != nil {
			return nil, err
		}
	} else if !slices.ContainsFunc(keys.List(), func(k KeyInfo) bool { return k.ID == id }) {
		return nil, fmt.Errorf("sealing: there is no key %q in the set", id)
	}
	without, err := edit(text, func(list []json.RawMessage) (left []json.RawMessage) {
		for _, raw := range list {
			var head struct {
				Kid string `json:"kid"`
			}
			if json.Unmarshal(raw, &head) == nil && head.Kid == id {
				if raw = instead; raw == nil {
					continue
				}
			}
			left = append(left, raw)
		}
		return left
	})
	if err != nil {
		return nil, err
	}
	_, err = Parse(without)
	return without, err
}

// withMembers is the JWK with further members.
func withMembers(k json.Marshaler, extra added) (json.RawMessage, error) {
	members := map[string]any{}
	for _, from := range []any{k, extra} {
		text, err := json.Marshal(from)
		if err == nil {
			err = json.Unmarshal(text, &members)
		}
		if err != nil {
			return nil, errors.New("sealing: the key does not encode") // the cause may quote it
		}
	}
	if extra.NotBefore != 0 {
		members["nbf"] = extra.NotBefore // and no float
	}
	return json.Marshal(members)
}

// edit changes the keys of a set, and nothing beside them.
func edit(text []byte, change func([]json.RawMessage) []json.RawMessage) ([]byte, error) {
	var whole map[string]json.RawMessage
	var list []json.RawMessage
	err := json.Unmarshal(text, &whole)
	if err == nil {
		err = json.Unmarshal(whole["keys"], &list)
	}
	if err != nil {
		return nil, errors.New("sealing: the key set cannot be read")
	}
	if whole["keys"], err = json.Marshal(change(list)); err != nil {
		return nil, errors.New("sealing: the key set does not encode")
	}
	out, err := json.MarshalIndent(whole, "", "  ")
	return append(out, '\n'), err
}
