# xenstore as the daemon hears it, and as it fails: a change by hand is heard long before the poll; of a quiet host only
# the list is asked; a list that ends oxenstored's connection, a xenstored that does not answer, one that is dead.
# shellcheck shell=bash disable=SC2016,SC2154

host_settings "pollInterval: 1h"
cat <<'Y' | want g.yaml
apiVersion: xensteer/v1
kind: Domain
metadata: {name: g}
spec:
  memory: 128MiB
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}
Y
ok "a guest" steer apply
ready g
id=$(xl domid g)
target() { [[ $(xenstore-read "/local/domain/$id/memory/target") == "$1" ]]; }

strace -f -qq -e trace=execve -e signal=none -o /tmp/trace xensteer run --config "$settings" "$manifests" >/tmp/run 2>&1 &
daemon=$!
ran() { grep -c "execve.*\"$1\".*= 0" /tmp/trace; } # ARGUMENTS: how often xl was run with them
quiet() { # nothing was begun for 3 s
	local before
	before=$(ran list)
	sleep 3
	[[ $(ran list) == "$before" ]]
}
ok "the daemon comes to rest" within 60 quiet
before=$(ran 'list", "-v') described=$(ran 'list", "-l')
xl mem-set g 120
ok "memory that is changed by hand is put back, though the next poll is an hour away" within 30 target 131072
ok "it comes to rest again" within 60 quiet
xenstore-write "/local/domain/$id/memory/target" 131072
ok "the same written once more: it looks" within 20 bash -c "(( \$(grep -c 'execve.*list\", \"-v.*= 0' /tmp/trace) > $before ))"
ok "it rests" within 60 quiet
described=$(ran 'list", "-l')
xenstore-write "/local/domain/0/backend/vbd/$id" "" # nothing that a description shows
ok "woken for nothing, it rests" within 60 quiet
ok "and did not ask what the guest is" same "$described" "$(ran 'list", "-l')"
xenstore-rm "/local/domain/0/backend/vbd/$id"
pkill -TERM -P "$daemon"
wait "$daemon" 2>/dev/null

long=()
for ((i = 0; i < 150; i++)); do long+=("/local/domain/$id/cpu/$(printf %0100d "$i")/availability" offline); done
xenstore-write "${long[@]}"
ok "a list that ends the connection: the plan is whole" settled
xenstore-rm "/local/domain/$id/cpu/$(printf %0100d 1)"

xenstored=$(cat /run/xen/xenstored.pid)
kill -STOP "$xenstored"
timeout 100 xensteer plan --config "$settings" "$manifests" >/tmp/plan 2>&1
ok "xenstored does not answer: plan ends, and does not call it settled" fails 1 same 0 $?
ok "it says why" grep -q 'xl list' /tmp/plan
kill -CONT "$xenstored"
ok "it answers again: settled" settled
kill -KILL "$xenstored"
timeout 100 xensteer plan --config "$settings" "$manifests" >/tmp/plan 2>&1
ok "xenstored is dead: plan ends, and does not call it settled" fails 1 same 0 $?
ok "it says why" grep -q 'xl list' /tmp/plan
ok "apply does nothing and says so" fails 1 timeout 200 xensteer apply --timeout 20s --config "$settings" "$manifests"
plan
