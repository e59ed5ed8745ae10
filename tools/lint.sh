#!/usr/bin/env bash
# What `make lint` checks, each by name; all of them run, then it fails if one did.
set -u
cd "$(dirname "$0")/.."
failed=0
tool() { go tool -modfile=tools/gen/go.mod "$@"; }
check() { # name, command…
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then
    printf 'ok    %s\n' "$name"
  else
    printf 'FAIL  %s\n%s\n' "$name" "$out"
    failed=1
  fi
}

formatted() {
  local files
  files=$(gofmt -l $(git ls-files -co --exclude-standard -- '*.go' 2>/dev/null || find . -name '*.go')) || return 1
  [ -z "$files" ] || { printf 'run gofmt -w on:\n%s\n' "$files"; return 1; }
}
# make generate has just run: what it wrote must be what is committed.
generated() {
  git rev-parse --git-dir >/dev/null 2>&1 || return 0 # not a checkout: nothing to compare with
  local changed
  changed=$(git status --porcelain -- '*.gen.go' docs/settings.md) || return 1
  [ -z "$changed" ] || { printf 'what is generated is not what is committed; commit what `make generate` wrote:\n%s\n' "$changed"; return 1; }
}

check gofmt formatted
check 'generated code' generated
check 'go vet' go vet ./...
check 'go vet of tagged tests' go vet -tags engine,bench ./test/...
check staticcheck tool staticcheck ./...
check workflowcheck tool workflowcheck -config tools/workflowcheck.yaml ./workflows/...
check 'import directions' go test -count=1 ./test/arch
check 'contract by redocly' tools/contract/check.sh lint
check 'contract as TypeScript' tools/contract/check.sh types
check 'contract against the released' tools/contract/check.sh released
check 'deployment files' go -C tools/deploy test -count=1 ./...
check 'go vet of tools' go -C tools/deploy vet ./...
exit $failed
