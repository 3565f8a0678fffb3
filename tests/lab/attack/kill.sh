# kill -9 at ATTACK_MOMENTS (30) moments of a creation and as many of a removal, and of xl itself at ATTACK_XL (20).
# ATTACK_PART of ATTACK_PARTS takes every so-manieth of them: a machine that is emulated rarely stands it for an hour.
#
#   for part in 0 1 2 3 4; do
#           LAB_SECONDS=1500 ATTACK_PARTS=5 ATTACK_PART=$part tests/lab/run tests/lab/attack/kill.sh
#   done
#
# Not among the scenarios: it takes half an hour. scenarios/60-killed.sh tries a few of the moments.
# shellcheck shell=bash disable=SC2154

# shellcheck source=tests/lab/attack/moments.sh
. /src/attack/moments.sh
attack_begin
measure || exit 1
attack_xensteer "${ATTACK_MOMENTS:-30}"
attack_xl "${ATTACK_XL:-20}"
ok "$moments moments, and after each the next apply made it right" same 0 "${bad:-0}"
plan
