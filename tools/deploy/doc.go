// Package deploy holds what can be known of docker-compose.yml, Dockerfile and
// the files beside them without Docker. It has no code but its tests, and is a
// module of its own because of the parsers that they need.
package deploy
