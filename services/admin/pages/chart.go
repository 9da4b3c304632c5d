package pages

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// chart is the backlog of the last hour as a line, with the words that say the same.
type chart struct {
	// Line and Area are paths in a box of chartWidth by chartHeight; empty without samples.
	Line, Area string
	// Label says what the line shows.
	Label string
	// Peak is the highest backlog in words, empty where there was none.
	Peak string
}

const (
	chartSpan               = time.Hour
	chartWidth, chartHeight = 240, 32
	chartGap                = 3 * time.Minute  // samples that are further apart are not joined by a line
	chartStep               = 10 * time.Second // the line moves in steps: what has not changed is not drawn again every second
)

// chartPoint is a moment of the line.
type chartPoint struct {
	at    time.Time
	value uint64
}

// drawChart draws the samples of the last hour, and the backlog that is now.
func drawChart(samples []workflow.Sample, backlog uint64, now time.Time) chart {
	now = now.UTC().Truncate(chartStep)
	begin := now.Add(-chartSpan)
	var points []chartPoint
	for _, s := range samples {
		if at := s.At.UTC(); !at.Before(begin) && at.Before(now) {
			points = append(points, chartPoint{at, s.Backlog})
		}
	}
	if len(points) == 0 {
		return chart{Label: "Backlog over the last hour: nothing is known yet"}
	}
	points = append(points, chartPoint{now, backlog})
	top := points[0]
	for _, p := range points {
		if p.value > top.value {
			top = p
		}
	}
	c := chart{Label: fmt.Sprintf("Backlog over the last hour: %s at %s, %s now", backend.Count(points[0].value), points[0].at.Format("15:04"), backend.Count(backlog))}
	if top.value > 0 {
		c.Label += fmt.Sprintf(", at most %s at %s", backend.Count(top.value), top.at.Format("15:04"))
		c.Peak = fmt.Sprintf("at most %s in the last hour", backend.Count(top.value))
	}
	c.Label += " UTC"
	c.Line, c.Area = chartPaths(points, begin, top.value)
	return c
}

// chartPaths are the line, and the area under it; each stretch without a gap by itself.
func chartPaths(points []chartPoint, begin time.Time, top uint64) (string, string) {
	var line, area strings.Builder
	x := func(p chartPoint) string {
		return decimal(float64(p.at.Sub(begin)) / float64(chartSpan) * chartWidth)
	}
	y := func(p chartPoint) string {
		return decimal(float64(chartHeight) - 1 - float64(p.value)/float64(max(top, 1))*(chartHeight-2))
	}
	for i := 0; i < len(points); {
		last := i
		for last+1 < len(points) && points[last+1].at.Sub(points[last].at) <= chartGap {
			last++
		}
		fmt.Fprintf(&area, "M%s %d", x(points[i]), chartHeight)
		for j, p := range points[i : last+1] {
			fmt.Fprintf(&line, "%s%s %s", [2]string{"M", "L"}[min(j, 1)], x(p), y(p))
			fmt.Fprintf(&area, "L%s %s", x(p), y(p))
		}
		fmt.Fprintf(&area, "L%s %dZ", x(points[last]), chartHeight)
		i = last + 1
	}
	return line.String(), area.String()
}

// decimal writes a coordinate.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
