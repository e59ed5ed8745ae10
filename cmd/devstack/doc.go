// Package devstack runs the Temporal development server of the local stack: the
// temporal command on PATH, or else the version pinned in tools/go.mod, built once
// into the user's cache folder.
package devstack
