package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// memory is what a vendor still knows after its own restart. Faults, counters
// and the ledger are not in it: they are set and read by whoever tries
// something out, not by a vendor's customer.
type memory struct {
	Tencent    map[string]*session       `json:"tencent"`
	Megvii     map[string]*megviiSession `json:"megvii"`
	Scans      map[string]*scan          `json:"scans"`
	Faces      map[string]*faceSession   `json:"faces"`
	LastScan   Person                    `json:"last_scan"`
	FaceSecret []byte                    `json:"face_secret"`
	People     map[string]Person         `json:"people"`
}

// keeper writes the memory to a file. The file holds names and numbers, and
// somebody will type their own: so it is sealed, AES-256-GCM under the key.
type keeper struct {
	mu      sync.Mutex
	path    string
	aead    cipher.AEAD
	written []byte
}

// minimumKey in bytes: 128 bits as hex.
const minimumKey = 32

// Keep lets the stand-ins remember sessions, scans and people in a file, and
// begins with what the file holds already. The key seals it and is at least 32
// characters, such as 32 random hex digits. To be called before Handler.
func (s *Sandbox) Keep(path, key string) error {
	if len(key) < minimumKey {
		return fmt.Errorf("the key has %d characters and needs %d", len(key), minimumKey)
	}
	sum := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	k := &keeper{path: path, aead: aead}
	if err := s.recall(k); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := s.remember(k); err != nil { // now, not in the middle of a call
		return err
	}
	s.remembers = func() {
		if err := s.remember(k); err != nil {
			s.cfg.Logger.Error("the stand-ins will have forgotten this after a restart", "error", err)
		}
	}
	for _, one := range s.megvii.byToken {
		if one.open() {
			s.watchMegvii(*one)
		}
	}
	inner := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == healthPath {
			inner.ServeHTTP(w, r)
			return
		}
		defer s.remembers() // also where no answer was sent
		inner.ServeHTTP(&rememberingWriter{ResponseWriter: w, remember: sync.OnceFunc(s.remembers)}, r)
	})
	return nil
}

// rememberingWriter lets no caller learn of a change that is not written down.
// Whoever tells of one otherwise, or takes its time to answer, calls remembers.
type rememberingWriter struct {
	http.ResponseWriter
	remember func()
}

func (w *rememberingWriter) WriteHeader(status int) {
	w.remember()
	w.ResponseWriter.WriteHeader(status)
}

func (w *rememberingWriter) Write(b []byte) (int, error) {
	w.remember()
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *rememberingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// remember writes the memory, if it has changed.
func (s *Sandbox) remember(k *keeper) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := s.memories()
	if bytes.Equal(text, k.written) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(k.path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(k.aead.Seal(nil, nil, text, nil))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), k.path); err != nil {
		return err
	}
	k.written = text
	return nil
}

// memories are the memory's JSON, taken under every table's lock.
func (s *Sandbox) memories() []byte {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	s.megvii.mu.Lock()
	defer s.megvii.mu.Unlock()
	s.sino.mu.Lock()
	defer s.sino.mu.Unlock()
	s.people.mu.RLock()
	defer s.people.mu.RUnlock()
	return mustMarshal(memory{Tencent: s.sessions.by, Megvii: s.megvii.byToken, Scans: s.sino.scans, Faces: s.sino.sessions,
		LastScan: s.sino.lastScan, FaceSecret: s.sino.secret, People: s.people.by})
}

// recall begins with what the file holds; a file that is not there holds nothing.
func (s *Sandbox) recall(k *keeper) error {
	sealed, err := os.ReadFile(k.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := k.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return errors.New("cannot be opened with this key: put the key back under which it was written, or remove the file")
	}
	var m memory
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("was written by another version: remove the file: %w", err)
	}
	s.sessions.by, s.megvii.byToken = m.Tencent, m.Megvii
	s.sino.scans, s.sino.sessions, s.sino.lastScan, s.sino.secret = m.Scans, m.Faces, m.LastScan, m.FaceSecret
	maps.Copy(s.people.by, m.People)
	for _, one := range m.Megvii {
		s.megvii.byBizID[one.BizID] = one
		s.megvii.bizNos[one.ApiKey+"/"+one.BizNo] = true
	}
	return nil
}
