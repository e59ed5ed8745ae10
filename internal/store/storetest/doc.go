// Package storetest provides tests with real databases, and searches databases for
// data that must not be in them.
package storetest
