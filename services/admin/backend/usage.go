package backend

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Usage is what was used of the remote systems today, beside the budgets.
type Usage struct {
	Day     string        `json:"day" doc:"the day in UTC" example:"2026-01-02"`
	Systems []SystemUsage `json:"systems"`
}

// SystemUsage is the use of one system.
type SystemUsage struct {
	System string `json:"system" enum:"campaign,dynamics"`
	Name   string `json:"name" doc:"what is counted" example:"Campaign engine calls"`
	Used   uint64 `json:"used" doc:"today, over all workflows"`
	Budget uint64 `json:"budget" doc:"of one day; 0 where none is set"`
	// Percent of the budget, 0 where none is set.
	Percent   float64                `json:"percent"`
	Level     UsageLevel             `json:"level" enum:"none,ok,warning,exceeded" doc:"none: no budget is set; warning: from 80 % on"`
	Workflows map[workflow.ID]uint64 `json:"workflows" doc:"today, by workflow"`
	Days      []UsageDay             `json:"days" doc:"earlier days, newest first"`
}

// UsageDay is the use of one system on an earlier day.
type UsageDay struct {
	Day  string `json:"day" example:"2026-01-01"`
	Used uint64 `json:"used"`
}

// UsageLevel says how near a budget is.
type UsageLevel string

// The levels.
const (
	UsageNone     UsageLevel = "none"
	UsageOK       UsageLevel = "ok"
	UsageWarning  UsageLevel = "warning"
	UsageExceeded UsageLevel = "exceeded"
)

// warnAt is the part of a budget from which on it is warned.
const warnAt = 0.8

// Usage is what was used today.
func (s *Service) Usage() Usage { return s.monitor.usage.view(time.Now()) }

func (u *usageCount) view(now time.Time) Usage {
	view := Usage{Day: now.UTC().Format(time.DateOnly)}
	tallies := map[workflow.ID]tally{}
	for _, id := range workflow.All() {
		tallies[id] = u.now(id, now)
		view.Day = max(view.Day, tallies[id].Day)
	}
	u.mu.Lock()
	budgets := u.budgets.Settings.Budgets
	u.mu.Unlock()
	for _, system := range []struct {
		id, name string
		budget   int
	}{{workflow.UsesCampaign, "Campaign engine calls", budgets.CampaignEngineCalls}, {workflow.UsesDynamics, "Dynamics 365 requests", budgets.DynamicsRequests}} {
		one := SystemUsage{System: system.id, Name: system.name, Budget: uint64(max(system.budget, 0)), Workflows: map[workflow.ID]uint64{}}
		days := map[string]uint64{}
		for _, id := range workflow.All() {
			one.Workflows[id] = tallies[id].Used[system.id]
			one.Used += one.Workflows[id]
			for _, day := range tallies[id].Before {
				days[day.Day] += day.Used[system.id]
			}
		}
		one.Days = sortedDays(days)
		one.Level, one.Percent = levelOf(one.Used, one.Budget)
		view.Systems = append(view.Systems, one)
	}
	return view
}

func levelOf(used, budget uint64) (UsageLevel, float64) {
	if budget == 0 {
		return UsageNone, 0
	}
	part := float64(used) / float64(budget)
	percent := math.Floor(part*1000) / 10
	switch {
	case used > budget:
		return UsageExceeded, percent
	case part >= warnAt:
		return UsageWarning, percent
	}
	return UsageOK, percent
}

// SettingsState is the settings with their revision.
type SettingsState struct {
	Revision uint64          `json:"revision"`
	Settings config.Settings `json:"settings"`
	By       string          `json:"by,omitempty"`
	At       time.Time       `json:"at,omitzero"`
}

func stateOf(rev bus.SettingsRevision) SettingsState {
	return SettingsState{Revision: rev.Number, Settings: rev.Settings, By: rev.By, At: rev.At}
}

// Settings is what is set for the whole installation.
func (s *Service) Settings(ctx context.Context) (SettingsState, error) {
	rev, err := s.monitor.usage.settings.Latest(ctx)
	return stateOf(rev), err
}

// PutSettings stores settings that were edited on revision expected. The error is fault.Invalid wrapping config.Faults, all
// of them, when the document cannot be used, and fault.Stale when expected is no longer the latest.
func (s *Service) PutSettings(ctx context.Context, document []byte, expected uint64, who Caller) (SettingsState, error) {
	latest, err := s.monitor.usage.settings.Latest(ctx)
	if err != nil {
		return SettingsState{}, err
	}
	if latest.Number != expected {
		return SettingsState{}, fault.New(fault.Stale, fmt.Sprintf("the settings were edited meanwhile: revision %d is stored, yours began with %d; load them again and repeat the edit", latest.Number, expected))
	}
	next, err := config.DecodeSettings(document)
	if err != nil {
		return SettingsState{}, InvalidSettings(err)
	}
	if latest.Number > 0 && latest.Settings == next {
		return stateOf(latest), nil
	}
	changes, err := settingsChanges(latest.Settings, next)
	if err != nil {
		return SettingsState{}, err
	}
	stored, err := s.monitor.usage.settings.Put(ctx, next, expected, who.By)
	if err != nil {
		return SettingsState{}, err
	}
	s.monitor.usage.took(stored)
	if len(changes) > 0 {
		for _, id := range workflow.All() { // A budget is about all of them.
			s.noteChange(ctx, id, "settings: "+noteOf(changes), who)
		}
	}
	return stateOf(stored), nil
}

// took shows settings that were just stored.
func (u *usageCount) took(rev bus.SettingsRevision) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.budgets = rev
}

func settingsChanges(before, after config.Settings) ([]string, error) {
	old, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	now, err := json.Marshal(after)
	if err != nil {
		return nil, err
	}
	return config.Diff(old, now)
}

// sortedDays lists days, newest first.
func sortedDays(days map[string]uint64) []UsageDay {
	list := make([]UsageDay, 0, len(days))
	for day, used := range days {
		list = append(list, UsageDay{Day: day, Used: used})
	}
	slices.SortFunc(list, func(a, b UsageDay) int { return strings.Compare(b.Day, a.Day) })
	return list[:min(len(list), tallyDays)]
}
