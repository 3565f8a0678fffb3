# kill -9: xensteer in the middle of a creation and of a removal, xl itself in the middle of either, and a guest's monitor.
# Whatever they leave, the next apply makes it right. All the moments: tests/lab/attack/kill.sh.
# shellcheck shell=bash disable=SC2154

# shellcheck source=tests/lab/attack/moments.sh
. /src/attack/moments.sh
attack_begin
measure || exit 1
attack_xensteer 1
attack_xl 4
ok "$moments moments, and after each the next apply made it right" same 0 "${bad:-0}"

guest_wanted
ok "the guest once more" steer apply
ready g
monitor=$(pgrep -f 'xl create /run/xensteer/cfg/')
ok "its monitor is killed" kill -9 "$monitor"
guest g 'reboot -f' >/dev/null 2>&1
ok "it reboots: nobody brings it back" within 20 bash -c 'xl list -v | grep -q "^g .*---sr-"'
ok "plan says so" fails 2 steer plan --detailed-exitcode
ok "apply does it" steer apply
ok "it runs" ready g
ok "and is as wanted, with nothing left of the other" same "" "$(not_clean_up)"

leaked=$(losetup -f --show "$state"/volumes/*/0-file.raw)
ok "a second loop device on its disk, as a killed script leaves it" same 2 "$(loops | wc -l)"
released() { steer apply 2>&1 | grep -F "$leaked was released"; }
ok "apply releases it, and says so" released
ok "nothing else was touched" same "" "$(not_clean_up)"
plan
