// Package config is the product's configuration: the process's settings from
// YANZHEN_* variables, the catalogue of clients and policies from one YAML
// file. It is loaded once, and every fault is reported together with the
// setting's name and what to do about it. Temporal's own settings are not
// here: they are Temporal's (TEMPORAL_*, its environment configuration).
package config
