#!/usr/bin/env bash
# Compares the direct dependencies of every module here with the newest versions
# that the module proxy serves, and asks govulncheck where its database can be
# reached. Once a week; it fails for what is behind and not in tools/behind.txt,
# which says of each why it stays: module, newest version looked at, reason.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD failed=0
behind=$root/tools/behind.txt

# direct prints "module version" of a go.mod: what it requires without
# "// indirect", and what provides its tools.
direct() {
  awk '
    /^(require|tool) \($/ { block = $1; next }
    /^\)$/ { block = kind = ""; next }
    NF == 0 { next }
    $1 == "require" || $1 == "tool" { kind = $1; $1 = ""; sub(/^ /, "") }
    $1 != "" { kind = block ? block : kind }
    kind == "tool" { tools[$1]; if (!block) kind = "" }
    kind == "require" { version[$1] = $2; if (!/\/\/ indirect/) print $1, $2; else indirect[$1]; if (!block) kind = "" }
    END { for (t in tools) for (m in indirect) if (t == m || index(t, m "/") == 1) print m, version[m] }
  ' "$1" | sort -u
}

empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
for mod in go.mod $(git ls-files 'tools/*go.mod' 'test/*go.mod'); do
  while read -r module version; do
    if ! newest=$(cd "$empty" && go list -m -f '{{.Version}}' "$module@latest" 2>/dev/null); then
      printf '?       %-22s %s %s: the proxy serves no newest version\n' "$mod" "$module" "$version"
      continue
    fi
    if [ "$newest" = "$version" ]; then
      printf 'newest  %-22s %s %s\n' "$mod" "$module" "$version"
    elif why=$(awk -v m="$module" -v v="$newest" '$1 == m && $2 == v { $1 = $2 = ""; print; found = 1 } END { exit !found }' "$behind"); then
      printf 'stays   %-22s %s %s, not %s:%s\n' "$mod" "$module" "$version" "$newest" "${why# }"
    else
      printf 'BEHIND  %-22s %s %s, newest is %s\n' "$mod" "$module" "$version" "$newest"
      failed=1
    fi
  done < <(direct "$mod")
done

if curl -sS -m 10 -o /dev/null https://vuln.go.dev/index/modules.json 2>/dev/null; then
  go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./... || failed=1
else
  echo 'govulncheck was not asked: its database, vuln.go.dev, cannot be reached from here.'
fi
exit $failed
