package access

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks whose forwarding headers are believed. Everybody else can write what they like into them.
type Proxies []netip.Prefix

// Peer is where a request comes from.
type Peer struct {
	// Address of the client: the connection's, or behind trusted proxies the last one that none of them vouches for.
	Address string
	// Trusted is true when the connection is a trusted proxy's.
	Trusted bool
	// Secure is true when the browser speaks TLS, with this process or with a trusted proxy.
	Secure bool
}

// Peer tells where a request comes from.
func (p Proxies) Peer(r *http.Request) Peer {
	peer := Peer{Address: r.RemoteAddr, Secure: r.TLS != nil}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return peer
	}
	address := from.Addr().Unmap()
	peer.Address, peer.Trusted = address.String(), p.contain(address)
	if !peer.Trusted {
		return peer
	}
	peer.Secure = peer.Secure || lastOf(r.Header.Values("X-Forwarded-Proto")) == "https"
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		client, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // What a proxy did not write ends what can be believed.
		}
		peer.Address = client.Unmap().String()
		if !p.contain(client.Unmap()) {
			break
		}
	}
	return peer
}

func (p Proxies) contain(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address.WithZone("")) })
}

// lastOf is the last of comma-separated values: what the nearest proxy said.
func lastOf(values []string) string {
	all := strings.Split(strings.Join(values, ","), ",")
	return strings.ToLower(strings.TrimSpace(all[len(all)-1]))
}
