package host

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/causeway-sync/causeway/pkg/campaign"
	"github.com/causeway-sync/causeway/pkg/catalog"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/dynamics"
	"github.com/causeway-sync/causeway/pkg/exportfile"
)

// environment are the settings of a connection that the process was given, secrets included; empty where it was given
// none. Settings that have a default, whatever their value, do not make a connection the environment's.
func (s *Systems) environment(name config.ConnectionName) map[string]string {
	var values map[string]string
	switch d, c, f := s.cfg.Dynamics, s.cfg.Campaign, s.cfg.SFTP; name {
	case config.ConnectionDynamics:
		values = map[string]string{"url": d.URL, "tokenUrl": d.TokenURL, "tenant": d.Tenant, "clientId": d.ClientID, "clientSecret": d.ClientSecret}
	case config.ConnectionCampaign:
		values = map[string]string{"url": c.URL, "tokenUrl": c.TokenURL, "orgId": c.OrgID, "clientId": c.ClientID, "clientSecret": c.ClientSecret, "journalUrl": c.JournalURL}
	case config.ConnectionSFTP:
		values = map[string]string{"addr": f.Addr, "user": f.User, "key": string(f.Key), "hostKey": f.HostKey}
	}
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	return values
}

// defaulted are the settings beside those of environment.
func (s *Systems) defaulted(name config.ConnectionName) map[string]string {
	switch name {
	case config.ConnectionCampaign:
		l := s.cfg.Campaign.Lookup
		return map[string]string{"lookup": l.Mode, "filter": l.Filter, "filterParameter": l.Parameter}
	case config.ConnectionSFTP:
		return map[string]string{"folder": s.cfg.SFTP.Folder}
	}
	return nil
}

// inUse answers which connections the environment sets, without their secrets (invariant 9).
func (s *Systems) inUse(process string) []catalog.ConnectionInUse {
	list := []catalog.ConnectionInUse{}
	for _, name := range config.ConnectionNames() {
		values := s.environment(name)
		if len(values) == 0 {
			continue
		}
		maps.Copy(values, s.defaulted(name))
		one := catalog.ConnectionInUse{Name: name, Process: process, Settings: map[string]string{}, Secrets: []string{}}
		for _, setting := range config.ConnectionSettings(name) {
			value := values[setting.Name]
			switch {
			case value == "":
			case setting.Secret:
				one.Secrets = append(one.Secrets, setting.Name)
			default:
				one.Settings[setting.Name] = value
			}
		}
		slices.Sort(one.Secrets)
		list = append(list, one)
	}
	return list
}

// The clients' configurations: the environment's where there are no values.

func (s *Systems) dynamicsConfig(values map[string]string) dynamics.Config {
	cfg := s.cfg.Dynamics
	if values != nil {
		cfg.URL, cfg.TokenURL, cfg.Tenant = values["url"], values["tokenUrl"], values["tenant"]
		cfg.ClientID, cfg.ClientSecret = values["clientId"], values["clientSecret"]
	}
	return cfg
}

func (s *Systems) campaignConfig(values map[string]string) campaign.Config {
	cfg := s.cfg.Campaign
	if values != nil {
		cfg.URL, cfg.TokenURL, cfg.OrgID, cfg.JournalURL = values["url"], values["tokenUrl"], values["orgId"], values["journalUrl"]
		cfg.ClientID, cfg.ClientSecret = values["clientId"], values["clientSecret"]
		cfg.Lookup = campaign.Lookup{Mode: values["lookup"], Filter: values["filter"], Parameter: values["filterParameter"], Unique: cfg.Lookup.Unique}
	}
	return cfg
}

func (s *Systems) filesConfig(values map[string]string) exportfile.Config {
	cfg := s.cfg.SFTP
	if values != nil {
		cfg.Addr, cfg.User, cfg.Key, cfg.HostKey, cfg.Folder = values["addr"], values["user"], []byte(values["key"]), values["hostKey"], values["folder"]
	}
	return cfg
}

// answers adds the questions about connections to those of a service.
func (s *Systems) answers(cfg Config) {
	process := fmt.Sprintf("%s (%s)", cfg.Workflow, cfg.Instance)
	cfg.Questions[catalog.AskConnections] = func(context.Context, []byte) (any, error) { return s.inUse(process), nil }
	cfg.Questions[catalog.AskTestConnection] = s.answerTest
}
