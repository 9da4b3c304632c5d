package dynamicstest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// Seed adds n contacts that depend on the seed alone: the same ids, names and dates at every start. One in twenty is
// awkward: accents, other scripts, quotes, empty columns, text as long as the column, or longer than Campaign's. Their
// dates lie in the past, so that they look old to a client that asks what changed lately. Use a seed once.
func (s *Server) Seed(n int, seed uint64) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	t := s.mustTable("contact")
	faker := gofakeit.NewFaker(rand.NewPCG(seed, 0), false)
	epoch := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	all := make([]*row, 0, len(t.rows)+n)
	for _, r := range t.rows {
		all = append(all, r)
	}
	cells := make([]cell, len(t.Columns))
	for i := range n {
		clear(cells)
		t.defaults(cells)
		for name, value := range contact(faker, i) {
			at := t.byProperty[name]
			v, err := t.Columns[at].parse(value)
			if err != nil {
				panic(fmt.Sprintf("dynamicstest: seeding %s: %v", name, err))
			}
			cells[at] = v
		}
		t.finish(cells)
		s.store.version++
		r := &row{id: seededGUID(faker), version: s.store.version, created: epoch + int64(faker.Number(0, 3*365*day)), packed: pack(t.Columns, cells)}
		r.modified = r.created + int64(faker.Number(0, 365*day))
		t.rows[r.id] = r
		all = append(all, r)
		t.log = append(t.log, change{version: r.version, id: r.id})
	}
	t.sorted.fill(all)
	t.recent.fill(all)
}

func seededGUID(faker *gofakeit.Faker) guid {
	var g guid
	binary.BigEndian.PutUint64(g[:8], faker.Uint64())
	binary.BigEndian.PutUint64(g[8:], faker.Uint64())
	g[6], g[8] = g[6]&0x0f|0x40, g[8]&0x3f|0x80
	return g
}

// contact makes the columns of one contact, in a fixed order of draws.
func contact(faker *gofakeit.Faker, i int) map[string]any {
	first, last := faker.FirstName(), faker.LastName()
	values := map[string]any{
		"firstname": first, "lastname": last, "jobtitle": clip(faker.JobTitle(), 100),
		"emailaddress1": fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(first), strings.ToLower(last), i),
		"telephone1":    faker.Phone(), "mobilephone": faker.Phone(),
		"address1_line1": clip(faker.Street(), 250), "address1_city": clip(faker.City(), 80), "address1_postalcode": clip(faker.Zip(), 20),
		"address1_stateorprovince": clip(faker.State(), 50), "address1_country": clip(faker.Country(), 80),
		"birthdate":  time.Date(1940+faker.Number(0, 65), time.Month(faker.Number(1, 12)), faker.Number(1, 28), 0, 0, 0, 0, time.UTC),
		"gendercode": faker.Number(1, 2), "familystatuscode": faker.Number(1, 4), "preferredcontactmethodcode": faker.Number(1, 5),
		"numberofchildren": faker.Number(0, 5), "creditlimit": json.Number(fmt.Sprintf("%d.%02d", faker.Number(0, 90000), faker.Number(0, 99))),
		"donotemail": faker.Number(0, 9) == 0, "donotbulkemail": faker.Number(0, 9) == 0, "donotphone": faker.Number(0, 19) == 0,
	}
	if i%20 == 19 {
		awkward(values, i/20)
	}
	return values
}

// awkward makes a contact one that integrations stumble over.
func awkward(values map[string]any, i int) {
	switch i % 10 {
	case 0:
		values["firstname"], values["lastname"] = "Zoë", "Nuñez-Müller"
	case 1:
		values["firstname"], values["lastname"] = "小明", "王"
	case 2:
		values["firstname"], values["lastname"] = `Sean "Red"`, "O'Brien\\"
	case 3:
		delete(values, "birthdate")
		delete(values, "emailaddress1")
	case 4:
		values["firstname"] = strings.Repeat("Maximiliana", 5)[:50]
	case 5:
		values["lastname"] = strings.Repeat("ß", 50)
	case 6:
		values["telephone1"] = "+49 (0) 30 1234567 ext. 8901 (please ring twice)"
	case 7:
		for _, name := range []string{"firstname", "jobtitle", "telephone1", "mobilephone", "address1_line1", "address1_city"} {
			delete(values, name)
		}
	case 8:
		values["lastname"], values["description"] = "Łukasz 😀 Ünal", "two\nlines\tand a tab"
	case 9:
		values["emailaddress1"] = strings.Repeat("x", 88) + "@example.com"
	}
}

func clip(s string, length int) string {
	runes := []rune(s)
	return string(runes[:min(len(runes), length)])
}

// Traffic is what Touch did.
type Traffic struct{ Created, Updated, Deleted int }

// Touch makes n changes of contacts as users would: of ten, seven updates, two creations and one deletion.
func (s *Server) Touch(n int, random *rand.Rand) Traffic {
	faker := gofakeit.NewFaker(random, false)
	t := s.mustTable("contact")
	var done Traffic
	for range n {
		s.store.mu.Lock()
		picked := t.randomLocked(random)
		switch dice := random.IntN(10); {
		case picked == nil || dice < 2:
			_, _ = s.writeLocked(t, seededGUID(faker), contact(faker, int(s.store.version%1_000_000))) // what Seed takes is taken
			done.Created++
		case dice == 2:
			s.store.deleteLocked(t, picked.id)
			done.Deleted++
		default:
			_, _ = s.writeLocked(t, picked.id, map[string]any{
				"jobtitle": clip(faker.JobTitle(), 100), "mobilephone": faker.Phone(), "donotemail": random.IntN(4) == 0,
			})
			done.Updated++
		}
		s.store.mu.Unlock()
	}
	return done
}
