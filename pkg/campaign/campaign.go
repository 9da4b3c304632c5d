// Package campaign writes to Adobe Campaign Standard (and to Campaign v8, which serves the same REST paths) and reads what
// is needed for that: rows by key and the description of resources. It also reads the journal of Adobe I/O Events, where
// Campaign's events stand.
//
// It promises:
//
//   - A write is idempotent (invariant 3). Campaign has no upsert; Upsert and Remove make one of POST, PATCH and DELETE,
//     so that repeating one, also after a time-out whose write did happen, leaves one row with the newest fields.
//   - An insert, an update and a delete cost one engine call each when the guess (Write.LikelyNew) is right, because rows
//     are addressed by the custom key in the URL. Only Lookup mode "filter" needs a read before an update or delete.
//   - Every error is a *fault.Error that says what to do. Campaign answers HTTP 500 for faults of one record and for its
//     own trouble alike; classify.go holds the one table that tells them apart by their text.
//   - No message holds a value of a record (invariant 9). It may hold the record's key and the names of fields.
//   - PKeys and hrefs are used within one call and never kept: the same row has different ones in different answers.
//
// Callers must write the versions of one key one after the other (invariant 4), must wait for fault.After of a Throttled
// error (invariant 10), and must bound how often they repeat a Transient record.
//
// The facts are from the documentation of Campaign Standard's APIs and of Campaign v8's REST APIs ("Recommendations &
// limitations"). It would be a bug if the package knew what a record or a mapping is.
package campaign

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/remote"
)

// DefaultTokenURL is Adobe's token endpoint.
const DefaultTokenURL = "https://ims-na1.adobelogin.com/ims/token/v3"

// name stands in messages.
const name = "Adobe Campaign"

// How a row is addressed by its key.
const (
	// ByKey puts the key into the URL: /profileAndServicesExt/profile/<key>. It needs an identification key on the key
	// field, and exists for profiles only.
	ByKey = "key"
	// ByFilter asks a published filter definition: /profile/<Filter>?<Parameter>=<key>.
	ByFilter = "filter"
)

// Lookup says how a row is found by its key.
type Lookup struct {
	// Mode is ByKey or ByFilter. Empty is ByKey.
	Mode string
	// Filter is the path segment of the filter, "byExternalId" by default. Campaign v8 takes names without "by".
	Filter string
	// Parameter is the filter's parameter, "externalId_parameter" by default. Campaign generates it when the filter is
	// made.
	Parameter string
	// Unique says that an identification key on the key field stands behind the filter: Campaign then refuses a second
	// row, and a likely new row can be created without looking first. Without it every creation is preceded by a look,
	// or a repeated one would leave two rows. ByKey has such a key.
	Unique bool
}

// Config describes one Campaign instance.
type Config struct {
	// URL is the origin and the organisation: https://mc.adobe.io/acme.
	URL string
	// TokenURL is the whole token endpoint. Empty is DefaultTokenURL.
	TokenURL string
	// OrgID is the organisation's id at Adobe ("...@AdobeOrg"). The journal asks for it, the REST API does not.
	OrgID string
	// JournalURL is the journal of I/O Events, as the registration shows it. Only Journal needs it.
	JournalURL             string
	ClientID, ClientSecret string
	// Scopes to ask for. Empty are those that Adobe's own integration asks for.
	Scopes []string
	// Lookup of every resource that Lookups does not name.
	Lookup Lookup
	// Lookups by name of the resource.
	Lookups map[string]Lookup
	// Resources are the names that Resources describes: Campaign publishes no list. Empty is "profile".
	Resources []string
	// Timeout bounds one request, MaxConcurrent the requests under way, Transport is the network, Observe is told of
	// every request, and Gates holds the pauses that are shared with other clients: see remote.Config.
	Gates         *remote.Gates
	Timeout       time.Duration
	MaxConcurrent int
	Transport     http.RoundTripper
	Observe       func(remote.Call)
}

// withDefaults is a completed copy.
func (cfg Config) withDefaults() Config {
	if cfg.TokenURL == "" {
		cfg.TokenURL = DefaultTokenURL
	}
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = []string{
			"AdobeID", "openid", "read_organizations", "additional_info.projectedProductContext", "additional_info.roles", "adobeio_api",
			"read_client_secret", "manage_client_secrets", "campaign_sdk", "campaign_config_server_general",
			"deliverability_service_general", "event_receiver_api",
		}
	}
	if len(cfg.Resources) == 0 {
		cfg.Resources = []string{"profile"}
	}
	return cfg
}

func (l Lookup) withDefaults() Lookup {
	if l.Mode == "" {
		l.Mode = ByKey
	}
	if l.Filter == "" {
		l.Filter = "byExternalId"
	}
	if l.Parameter == "" {
		l.Parameter = "externalId_parameter"
	}
	return l
}

// validate reports what makes a completed Config unusable.
func (cfg Config) validate() error {
	base, err := remote.ParseOrigin(cfg.URL)
	if err != nil {
		return fault.Wrap(fault.Fatal, err, fmt.Sprintf("the URL of %s %v", name, err))
	}
	if org := strings.Trim(base.Path, "/"); org == "" || strings.Contains(org, "/") || base.RawQuery != "" || base.Fragment != "" {
		return fault.New(fault.Fatal, "the URL of "+name+" must be its origin and organisation, like https://mc.adobe.io/acme")
	}
	for resource, l := range cfg.Lookups {
		if err := l.validate(resource); err != nil {
			return err
		}
	}
	return cfg.Lookup.validate("")
}

func (l Lookup) validate(resource string) error {
	where := "the lookup"
	if resource != "" {
		where += " of " + resource
	}
	l = l.withDefaults()
	switch {
	case l.Mode != ByKey && l.Mode != ByFilter:
		return fault.New(fault.Fatal, fmt.Sprintf("%s has the mode %q; it must be %q or %q", where, l.Mode, ByKey, ByFilter))
	case !isName(l.Filter), !isName(l.Parameter):
		return fault.New(fault.Fatal, where+": filter and parameter are names of letters, digits and underscores")
	}
	return nil
}

// isName reports whether s can stand in a URL as it is.
func isName(s string) bool {
	for _, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return s != ""
}

// Client calls one Campaign instance. It is safe for concurrent use.
type Client struct {
	cfg     Config
	remote  *remote.Client
	journal *journalAPI
	rules   []rule
	oops    streak // answers "Oops" in a row
	unsaid  streak // writes refused without a reason, in a row
	mu      sync.Mutex
	located map[string]string // resource to the API that it stands under, guarded by mu
	lookups map[string]Lookup // by resource, guarded by mu
}

// New makes a client and opens nothing. A Config that cannot work is fault.Fatal.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	api, err := remote.New(remote.Config{
		Name:    name,
		BaseURL: strings.TrimRight(strings.TrimSpace(cfg.URL), "/") + "/campaign",
		Token: remote.TokenConfig{
			URL: cfg.TokenURL, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Scopes: cfg.Scopes, Separator: ",",
		},
		Header: http.Header{
			"X-Api-Key": {cfg.ClientID}, "Content-Type": {"application/json"}, "Cache-Control": {"no-cache"}, "Accept": {"application/json"},
		},
		Transport: cfg.Transport, Timeout: cfg.Timeout, MaxConcurrent: cfg.MaxConcurrent, Observe: cfg.Observe, Gates: cfg.Gates,
	})
	if err != nil {
		return nil, err
	}
	lookups := maps.Clone(cfg.Lookups)
	if lookups == nil {
		lookups = map[string]Lookup{}
	}
	return &Client{cfg: cfg, remote: api, journal: newJournalAPI(cfg, api), rules: rules(), located: map[string]string{"profile": extended}, lookups: lookups}, nil
}

// URL is what the client was made with.
func (c *Client) URL() string { return c.cfg.URL }

// SignIn asks for a new token, whatever tokens there are: it proves the credentials alone.
func (c *Client) SignIn(ctx context.Context) error { return c.remote.SignIn(ctx) }

// Close gives idle connections back.
func (c *Client) Close() {
	c.remote.Close()
	c.journal.close()
}

func (c *Client) lookup(resource string) Lookup {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.lookups[resource]; ok {
		return l.withDefaults()
	}
	return c.cfg.Lookup.withDefaults()
}

// SetLookup says how the rows of a resource are found by their key, from now on.
func (c *Client) SetLookup(resource string, l Lookup) error {
	if err := l.validate(resource); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lookups[resource] = l
	return nil
}

// The APIs that a resource can stand under. Resources that are linked to profiles stand under the first, the others
// under the second, and none under both (Campaign Standard documentation, "Interacting with custom resources").
const (
	extended = "profileAndServicesExt"
	custom   = "customResources"
)

// collection is the path of a resource. Where it stands is asked once.
func (c *Client) collection(ctx context.Context, resource string) (string, error) {
	c.mu.Lock()
	api := c.located[resource]
	c.mu.Unlock()
	if api == "" {
		described, err := c.Resource(ctx, resource)
		if err != nil {
			return "", err
		}
		api = described.API
	}
	return "/" + api + "/" + resource, nil
}

func (c *Client) locate(resource, api string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.located[resource] = api
}

// keyPath addresses a row by its custom key. Keys that the path itself would swallow are refused: Campaign takes "@..."
// for a PKey, and dots for the way up.
func keyPath(collection, resource, key string) (string, error) {
	if strings.HasPrefix(key, "@") || key == "." || key == ".." {
		return "", fault.New(fault.Rejected, fmt.Sprintf("the key of a %s cannot stand in a URL of %s: it begins with @ or is made of dots", resource, name))
	}
	return collection + "/" + url.PathEscape(key), nil
}
