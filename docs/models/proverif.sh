#!/bin/sh
# Check the ProVerif models and their mutants; prints each query's result.
# Needs proverif 2.04 or newer (not in Debian: opam install proverif).
set -eu
command -v proverif >/dev/null || { echo 'proverif is not installed' >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

results() { proverif "$1" | grep '^RESULT' || echo 'no result'; }

for model in "$root"/docs/models/*.pv; do
  printf '== %s\n' "$(basename "$model")"
  results "$model"
done
for mutant in "$root"/docs/models/mutants/*.patch; do
  printf '== %s: %s\n' "$(basename "$mutant" .patch)" "$(sed -n 1,2p "$mutant" | tr '\n' ' ')"
  mkdir -p "$work/docs"
  cp -r "$root/docs/models" "$work/docs/"
  (cd "$work" && patch -p1 --fuzz=0 -s <"$mutant")
  results "$work/$(sed -n 's|^+++ b/\([^[:space:]]*\).*|\1|p' "$mutant")"
  rm -rf "$work/docs"
done
