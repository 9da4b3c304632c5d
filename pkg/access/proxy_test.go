package access_test

import (
	"crypto/tls"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/causeway-sync/causeway/pkg/access"
)

// TestPeer: forwarding headers are believed from trusted proxies only, and only as far as they vouch for each other.
func TestPeer(t *testing.T) {
	proxies := access.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, tc := range map[string]struct {
		from    string
		headers []string
		tls     bool
		want    access.Peer
	}{
		"nobody between":         {from: "192.0.2.1:7", want: access.Peer{Address: "192.0.2.1"}},
		"a stranger's headers":   {from: "192.0.2.1:7", headers: []string{"X-Forwarded-For", "198.51.100.9", "X-Forwarded-Proto", "https"}, want: access.Peer{Address: "192.0.2.1"}},
		"TLS here":               {from: "192.0.2.1:7", tls: true, want: access.Peer{Address: "192.0.2.1", Secure: true}},
		"one proxy":              {from: "10.0.0.1:7", headers: []string{"X-Forwarded-For", "198.51.100.9", "X-Forwarded-Proto", "https"}, want: access.Peer{Address: "198.51.100.9", Trusted: true, Secure: true}},
		"plain before the proxy": {from: "10.0.0.1:7", headers: []string{"X-Forwarded-For", "198.51.100.9", "X-Forwarded-Proto", "http"}, want: access.Peer{Address: "198.51.100.9", Trusted: true}},
		"a chain":                {from: "[fd00::1]:7", headers: []string{"X-Forwarded-For", "1.2.3.4, 198.51.100.9, 10.0.0.7"}, want: access.Peer{Address: "198.51.100.9", Trusted: true}},
		"two header lines":       {from: "10.0.0.1:7", headers: []string{"X-Forwarded-For", "1.2.3.4", "X-Forwarded-For", "198.51.100.9"}, want: access.Peer{Address: "198.51.100.9", Trusted: true}},
		"rubbish in it":          {from: "10.0.0.1:7", headers: []string{"X-Forwarded-For", "1.2.3.4, <script>, 10.0.0.7"}, want: access.Peer{Address: "10.0.0.7", Trusted: true}},
		"a proxy that is silent": {from: "10.0.0.1:7", want: access.Peer{Address: "10.0.0.1", Trusted: true}},
		"all of them proxies":    {from: "10.0.0.1:7", headers: []string{"X-Forwarded-For", "10.0.0.3, 10.0.0.2"}, want: access.Peer{Address: "10.0.0.3", Trusted: true}},
		"IPv4 in IPv6":           {from: "[::ffff:10.0.0.1]:7", headers: []string{"X-Forwarded-For", "::ffff:198.51.100.9"}, want: access.Peer{Address: "198.51.100.9", Trusted: true}},
		"a scheme on top":        {from: "10.0.0.1:7", headers: []string{"X-Forwarded-Proto", "https, http"}, want: access.Peer{Address: "10.0.0.1", Trusted: true}},
		"no address at all":      {from: "@", headers: []string{"X-Forwarded-For", "1.2.3.4"}, want: access.Peer{Address: "@"}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tc.from
		for i := 0; i < len(tc.headers); i += 2 {
			r.Header.Add(tc.headers[i], tc.headers[i+1])
		}
		if tc.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := proxies.Peer(r); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}
