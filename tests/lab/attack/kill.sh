# kill -9 at ATTACK_MOMENTS (30) moments of a creation and as many of a removal, and of xl itself at ATTACK_XL (20):
#
#   LAB_SECONDS=3000 ATTACK_MOMENTS=30 ATTACK_XL=20 tests/lab/run tests/lab/attack/kill.sh
#
# Not among the scenarios: it takes a quarter of an hour. scenarios/60-killed.sh tries a few of the moments.
# shellcheck shell=bash disable=SC2154

# shellcheck source=tests/lab/attack/moments.sh
. /src/attack/moments.sh
attack_begin
measure || exit 1
attack_xensteer "${ATTACK_MOMENTS:-30}"
attack_xl "${ATTACK_XL:-20}"
ok "$moments moments, and after each the next apply made it right" same 0 "${bad:-0}"
plan
