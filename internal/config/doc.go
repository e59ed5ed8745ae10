// Package config loads the configuration: settings from YANZHEN_* environment
// variables, and the catalogue of clients and policies from one YAML file. All
// errors are reported at once, each with the name of the setting and what to do.
// Temporal's settings (TEMPORAL_*) are read by Temporal's envconfig.
package config
