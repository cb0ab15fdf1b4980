#!/bin/sh
# docs/rules.md says what `rules keywords` prints; after a change: sekisho-gateway rules keywords > docs/rules.md
cd "$(dirname "$0")/../.." || exit 1
"$BUILD"/gateway/sekisho-gateway rules keywords | diff docs/rules.md - | head -20 | grep . && exit 1
exit 0
