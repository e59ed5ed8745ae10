#!/usr/bin/env bash
# Builds bin/prometheus and bin/promtool, or the one that is named, of the version that go.mod pins, from
# Prometheus's own sources and with its own versions of all else. Of its ways of
# finding targets only those that prometheus.yml uses are kept: the others are the
# kits of a dozen clouds, and most of what there would be to compile. It takes some
# minutes the first time, and seconds from Go's build cache.
set -euo pipefail
cd "$(dirname "$0")"
export GOWORK=off GOFLAGS= CGO_ENABLED=0
module=github.com/prometheus/prometheus
version=$(sed -n "s,^require $module ,,p" go.mod)
source=${XDG_CACHE_HOME:-$HOME/.cache}/yanzhen/prometheus-$version
bin=$(cd ../.. && pwd)/bin
if [ ! -e "$source" ]; then
  dir=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  partial=$source.partial-$$
  mkdir -p "$partial"
  cp -r "$dir/." "$partial"
  chmod -R u+w "$partial"
  rm "$partial"/plugins/*.go
  printf 'package plugins\n\nimport _ "%s/discovery/dns"\n' "$module" >"$partial/plugins/plugins.go"
  mv -T "$partial" "$source" 2>/dev/null || rm -rf "$partial" # somebody else was faster
fi
mkdir -p "$bin"
cd "$source"
[ $# -gt 0 ] || set -- prometheus promtool
exec go build -buildvcs=false -o "$bin/" "${@/#/./cmd/}"
