// Package storetest gives tests real databases, and looks for what must not
// lie in one.
package storetest
