#!/bin/sh
# Check the Spin models: each must hold, and each mutant must not.
# Needs spin and gcc (Debian: apt-get install spin gcc).  About two minutes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check MODEL WANTED [-D...]: run it, and compare "errors: 0" or "errors: 1".
check() {
  model=$1 wanted=$2
  shift 2
  (cd "$work" && rm -rf ./* && spin "$@" -a "$here/$model" >spin.log 2>&1 &&
    gcc -O2 -DSAFETY -DMEMLIM=4000 -o pan pan.c 2>gcc.log && ./pan -m100000 >pan.log 2>&1) || true
  found=$(grep -o 'errors: [0-9]*' "$work/pan.log" || echo 'no result')
  if grep -q 'Search not completed\|depth too small' "$work/pan.log" && [ "$wanted" = 0 ]; then
    found='search not completed'
  fi
  printf '%-12s %-32s %s\n' "$model" "${*:-as specified}" "$found"
  [ "$found" = "errors: $wanted" ] || {
    cat "$work"/*.log
    printf 'wanted: errors: %s\n' "$wanted" >&2
    exit 1
  }
}

check delivery.pml 0
check delivery.pml 0 -DMALICE
for mutant in NO_DEDUP RECEIPT_BEFORE_COMMIT RELEASE_ON_STORED NEW_PLACE NO_RETRY \
  NO_DOUBT OLD_ANSWERS FLOOR_IS_TOP; do
  check delivery.pml 1 "-DMUTANT_$mutant"
done
check delivery.pml 1 -DMALICE -DMUTANT_NO_DEADLINE
