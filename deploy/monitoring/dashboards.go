package monitoring

import (
	"bytes"
	"encoding/json"
	"strings"
)

// sourceUID names Prometheus in grafana/datasources.yml.
const sourceUID = "prometheus"

// RateInterval is the variable of Grafana's that stands in the queries: a window
// wide enough for the scrapes in it.
const RateInterval = "$__rate_interval"

// At is the query as Prometheus takes it, with a window in place of Grafana's
// variable.
func (q Query) At(window string) string { return strings.ReplaceAll(q.Expr, RateInterval, window) }

type object map[string]any

const (
	wide   = 24 // columns of a page
	height = 8
)

// JSON is the dashboard in Grafana's form.
func (d Dashboard) JSON() []byte {
	var panels []object
	x, y, row := 0, 0, 0
	for i, p := range d.Panels {
		w, h := wide/2, height
		if p.Latest {
			w, h = wide/4, height/2
		}
		if x+w > wide || row != 0 && row != h {
			x, y, row = 0, y+row, 0
		}
		panels = append(panels, p.json(i+1, object{"x": x, "y": y, "w": w, "h": h}))
		x, row = x+w, h
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		"uid": d.UID, "title": d.Title, "description": d.Description, "tags": []string{"yanzhen"},
		"schemaVersion": 41, "version": 1, "editable": false, "timezone": "browser", "refresh": "30s",
		"time": object{"from": "now-6h", "to": "now"}, "panels": panels,
		// A way to the others.
		"links": []object{{"type": "dashboards", "tags": []string{"yanzhen"}, "title": "Yanzhen", "asDropdown": true, "keepTime": true}},
	})
	if err != nil {
		panic(err) // texts and figures only
	}
	return b.Bytes()
}

func (p Panel) json(id int, at object) object {
	source := object{"type": "prometheus", "uid": sourceUID}
	var targets []object
	for i, q := range p.Queries {
		targets = append(targets, object{"refId": string(rune('A' + i)), "datasource": source, "expr": q.Expr, "legendFormat": q.Legend, "instant": p.Latest, "range": !p.Latest})
	}
	out := object{
		"id": id, "type": "timeseries", "title": p.Title, "description": p.Description, "gridPos": at,
		"datasource": source, "targets": targets,
		"fieldConfig": object{"defaults": object{"unit": p.Unit, "min": 0}, "overrides": []object{}},
		"options":     object{"legend": object{"showLegend": true, "displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi"}},
	}
	if p.Latest {
		out["type"] = "stat"
		out["options"] = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "colorMode": "none", "graphMode": "none"}
	}
	return out
}
