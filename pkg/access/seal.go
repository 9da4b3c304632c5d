package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// signInTicket is what a browser carries for us while it is at the provider, so that strangers who begin sign-ins cost no
// memory.
type signInTicket struct {
	State, Nonce, Verifier string
	To                     string
	Until                  time.Time
}

// seal closes what a browser carries: it can neither be read nor changed there. The key lives as long as the process.
type seal struct{ aead cipher.AEAD }

func newSeal() (*seal, error) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // It never fails: it ends the process instead.
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &seal{aead}, err
}

func (s *seal) close(v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, nil)), nil
}

func (s *seal) open(sealed string, v any) error {
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return err
	}
	plain, err := s.aead.Open(nil, nil, data, nil)
	if err != nil {
		return errors.New("not sealed by this process")
	}
	return json.Unmarshal(plain, v)
}
