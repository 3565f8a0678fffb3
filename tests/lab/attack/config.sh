# Config drives: cloud-init's and that of older images, seen by the guest, acknowledged, changed, taken away; guests that
# fail with theirs in every way; a run that is killed while it waits; and no secret left anywhere.
# Not among the scenarios until it was seen to pass on a quiet host: LAB_SECONDS=900 tests/lab/run tests/lab/attack/config.sh.
# shellcheck shell=bash disable=SC2016,SC2154 # dom0.sh sets them; inner shells expand

host_settings 'deletions: {free: 100, percent: 100}'
secret=Lab-Secret-4711 user_secret=Lab-User-4712
guest_of() { # NAME MODE CONFIG
	cat <<Y
apiVersion: xensteer/v1
kind: Domain
metadata: {name: $1}
spec:
  memory: 128MiB
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet config=$2}
  disks: [{vdev: xvda, volume: {reclaim: Delete, chain: [{file: {size: 8MiB}}]}}]
  shutdown: {timeout: 30s, escalate: destroy}
  config: $3
Y
}
file() { # NAME TEXT
	mkdir -p "$manifests"
	(umask 077 && printf '%s\n' "$2" >"$manifests/$1")
}
says() { # TEXT COMMAND...: its output holds that
	local text=$1 said
	shift
	said=$("$@" 2>&1)
	[[ $said == *"$text"* ]] || { echo "$said"; return 1; }
}
silent() { # COMMAND...: its output holds no secret; no other program is told which
	local said
	said=$("$@" 2>&1)
	[[ $said != *"$secret"* && $said != *"$user_secret"* ]]
}
drives() { find /var/lib/xensteer/default/config /run/xensteer/config -type f 2>/dev/null | wc -l; }
staged() { find /var/lib/xensteer/default/config /run/xensteer/config -name '.?*' 2>/dev/null; }
# everything that programs were told, while it goes on
(while :; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; done >/tmp/told) &
watcher=$!

# something that is always wanted, so that the source is never empty
guest_of still none '{format: nocloud}' | sed 's/^spec:/&\n  power: Stopped/' | want still.yaml

file new.user-data "#cloud-config
# $user_secret"
guest_of new modern '{format: nocloud, userDataFile: new.user-data, acknowledge: {timeout: 60s}}' | want new.yaml
ok "a guest with a nocloud drive: apply" steer apply
ok "the second plan is empty" settled
ok "it is up" ready new
ok "the drive is cloud-init's" says 'LABEL="cidata"' guest new 'blkid /dev/xvdd'
ok "it read its files" says "local-hostname: new" guest new 'cat /tmp/applied'
ok "its own, too" says "$user_secret" guest new 'cat /tmp/applied'
ok "it cannot write to it" fails 1 guest new 'dd if=/dev/zero of=/dev/xvdd bs=512 count=1 2>/dev/null'
for command in 'plan -o json' 'describe Domain/new' 'describe -o json Domain/new' 'render new' 'status -o json'; do
	# shellcheck disable=SC2086 # words
	ok "$command does not show it" silent steer $command
done
ok "nor does a snapshot" silent xensteer snapshot --config "$settings"
file new.user-data "#cloud-config
# second $user_secret"
ok "other content waits for a restart" says "restart required" steer plan
ok "it is allowed" steer apply --allow restart
ok "the second plan is empty" settled
ready new
ok "the guest has the new content" says "second" guest new 'cat /tmp/applied'
ok "one drive is left" same 1 "$(drives)"

file old.pw "$secret"
guest_of old historic '{format: scene, hostname: vm-77, passwordFile: old.pw, address: 10.0.0.77, detach: acknowledged}' | want old.yaml
ok "a guest of old with its drive: apply" steer apply
ok "the second plan is empty" settled
ok "it applied what was on the drive" says "hostname vm-77|password $secret|ipaddr 10.0.0.77" \
	bash -c 'xenstore-write "$1/data/cmd" "cat /tmp/applied #1"; sleep 3; xenstore-read "$1/data/out"' - "/local/domain/$(xl domid old)"
ok "the drive was taken away" same "" "$(xl block-list old | awk '$1 == 51760')"
ok "and shredded" same 1 "$(drives)"
ok "no loop device is left on it" fails 1 bash -c 'losetup -a | grep -q /config/'
old=$(xl domid old)
ok "only that guest may write the node" says "(n0,b$old)" xenstore-ls -fp "/local/domain/$old"
ok "another one cannot" fails 1 guest new "xenstore-write /local/domain/$(xl domid old)/iso_attach 3 2>/dev/null"
guest old 'reboot' >/dev/null 2>&1
ok "it reboots" within 60 bash -c '[[ $(xl domid old) != '"$(xl domid old)"' ]]'
ready old 60
ok "nothing is delivered twice" settled
unwant old.yaml
ok "it is removed" steer apply

fails_with() { # MODE WORDS: with onFailure: keep; then removed
	guest_of "$1" "$1" '{format: scene, passwordFile: old.pw, onFailure: keep, acknowledge: {timeout: 20s}}' | want "$1.yaml"
	ok "$1: apply gives up" fails 4 steer apply
	ok "$1: status says why" says "$2" steer status
	ok "$1: it is left standing" ready "$1"
	unwant "$1.yaml"
	ok "$1: it is removed" steer apply
}
fails_with failing "ConfigFailed: the guest answered error: 'no such user'"
fails_with broken "ConfigFailed: the guest answered error: 'no such disk'"
fails_with unclear "ConfigFailed: the guest answered neither done nor error:TEXT but 'yes'"
fails_with control "ConfigFailed: the guest answered error: '\x1b[2J\x1b[31mroot\x07'"
fails_with huge "(more than 1024 bytes)"
fails_with early "ConfigEarly: the guest answered before its config drive was attached"
fails_with never "ConfigTimeout: the guest has said nothing in 20s"

guest_of stopped failing '{format: scene, passwordFile: old.pw, acknowledge: {timeout: 20s}}' | want stopped.yaml
ok "a guest that fails is stopped: apply" fails 4 steer apply
ok "it is gone" gone stopped
ok "it is not started again" fails 1 steer apply
ok "status says why" says "ConfigFailed" steer status
unwant stopped.yaml
ok "it is removed" steer apply

guest_of late never '{format: scene, passwordFile: old.pw, detach: acknowledged, acknowledge: {timeout: 2m}}' | want late.yaml
xensteer apply --config "$settings" "$manifests" >/dev/null 2>&1 &
applying=$!
ok "it waits for a guest" within 60 bash -c 'xenstore-exists "/local/domain/$(xl domid late 2>/dev/null)/iso_attach"'
kill -9 $applying
wait $applying 2>/dev/null
ok "killed, the next one would wait on" says "wait for the word of late" steer plan
guest late 'xenstore-write iso_attach 2' >/dev/null
ok "the answer came meanwhile" steer apply
ok "the second plan is empty" settled
ok "and the drive is gone" same 1 "$(drives)"

unwant new.yaml late.yaml
ok "all are removed" steer apply
kill $watcher
ok "no drive is left" same 0 "$(drives)"
ok "nor what they were made of" same "" "$(staged)"
ok "nor anything else" leftovers
rm -rf "$manifests"
ok "no program was told a secret" fails 1 grep -aqE "$secret|$user_secret" /tmp/told
rm /tmp/told
ok "no file, log or node has one" fails 1 bash -c 'grep -raqE "$1" /var/lib/xensteer /run/xensteer /var/log/xen /var/log/journal /etc/xen /var/lib/xen ||
	xenstore-ls -f | grep -qE "$1"' - "$secret|$user_secret"
plan
