package campaigntest

import (
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
)

// sealer makes the opaque texts of the API: PKeys and page links. Every call gives another text for the same number, and
// a text that was not made here, or for another purpose, does not open.
type sealer struct{ secret uint64 }

func (s sealer) seal(purpose string, n int64) string {
	var b [20]byte
	salt := rand.Uint64()
	stream, tag := s.derive(purpose, salt)
	binary.BigEndian.PutUint64(b[0:], salt)
	binary.BigEndian.PutUint64(b[8:], uint64(n)^stream)
	binary.BigEndian.PutUint32(b[16:], uint32(mix(uint64(n)^tag)))
	return "@" + base64.RawURLEncoding.EncodeToString(b[:])
}

func (s sealer) open(purpose, text string) (int64, bool) {
	if len(text) != 28 || text[0] != '@' {
		return 0, false
	}
	b, err := base64.RawURLEncoding.DecodeString(text[1:])
	if err != nil || len(b) != 20 {
		return 0, false
	}
	stream, tag := s.derive(purpose, binary.BigEndian.Uint64(b))
	n := binary.BigEndian.Uint64(b[8:]) ^ stream
	return int64(n), binary.BigEndian.Uint32(b[16:]) == uint32(mix(n^tag))
}

func (s sealer) derive(purpose string, salt uint64) (stream, tag uint64) {
	h := s.secret
	for i := range len(purpose) {
		h = mix(h ^ uint64(purpose[i]))
	}
	return mix(h ^ salt), mix(h + salt)
}

// mix is the output function of splitmix64: enough to look opaque, and it guards nothing.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
