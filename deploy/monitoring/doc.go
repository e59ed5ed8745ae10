// Package monitoring holds the configuration of Prometheus and Grafana for
// docker-compose.yml: scrape targets, alerts and dashboards. The dashboards' JSON is
// generated from the table in panels.go:
//
//	go test ./deploy/monitoring -run '^TestDashboardsAreWhatTheTableSays$' -update
//
// alerts.yml and dashboards/ also work with a Prometheus and Grafana of your own.
package monitoring
