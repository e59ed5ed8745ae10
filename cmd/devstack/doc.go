// Package devstack brings the parts of the local stack that are not ours: the
// Temporal development server, as the `temporal` command on PATH or as the
// one that tools/go.mod pins, built once into the user's cache folder.
package devstack
