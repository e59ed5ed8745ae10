// Package monitoring holds what docker-compose.yml gives to Prometheus and
// Grafana: what is scraped, the alerts, the dashboards. The dashboards' JSON is
// written from the table in panels.go:
//
//	go test ./deploy/monitoring -run '^TestDashboardsAreWhatTheTableSays$' -update
//
// Whoever has a Prometheus of their own takes alerts.yml and dashboards/ as they are.
package monitoring
