# The main job: from YAML to a prompt and back to nothing, on a real Xen. A guest on a qcow2 overlay with a vif is
# created, changed, hurt by hand, rebooted by itself, and removed; beside it runs a domain that is not ours.
# shellcheck shell=bash disable=SC2016,SC2154 # dom0.sh sets them; inner shells expand

host_settings
image() {
	printf 'apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: base}\nspec: {path: /guest/base.qcow2, format: qcow2}\n'
}
web() { # MEMORY CMDLINE RECLAIM
	cat <<Y
apiVersion: xensteer/v1
kind: Domain
metadata: {name: web}
spec:
  memory: $1
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: $2}
  disks:
    - vdev: xvda
      volume: {reclaim: $3, chain: [{image: base}, {overlay: {}}]}
  nics: [{bridge: xenbr0}]
  shutdown: {timeout: 30s}
Y
}
base=$(sha256sum </guest/base.qcow2)
mk hand-made pv 128
ok "a domain that is not ours is created by hand" xl create -e /tmp/hand-made.cfg
stranger=$(xl list -v | grep '^hand-made ' | awk '{ print $2, $(NF - 2) }')

image | want image.yaml
web 128MiB "console=hvc0 quiet" Retain | want web.yaml
ok "validate" steer validate
ok "plan says what would be done: exit 2" fails 2 steer plan --detailed-exitcode
ok "apply" steer apply
ok "the guest says that it is up" ready web
ok "it reads its disk through the overlay" same "base image" "$(guest web 'cat /mnt/etc/motd')"
ok "its vif is on the bridge" test -e "/sys/class/net/xenbr0/brif/vif$(xl domid web).0"
ok "the second plan is empty" settled
ok "our mark stands in xenstore" xenstore-exists "/tool/xensteer/default/$(uuid_of web)"
uuid=$(uuid_of web)
echo kept | guest web 'echo kept >/mnt/etc/motd && sync' >/dev/null

web 112MiB "console=hvc0 quiet" Retain | want web.yaml
ok "less memory is a live change" bash -c "$(declare -f steer); settings=$settings manifests=$manifests; steer plan | grep -q '^~ Domain/web *live'"
ok "apply" steer apply
ok "its target is 112 MiB" same 114688 "$(xenstore-read "/local/domain/$(xl domid web)/memory/target")"
ok "the second plan is empty" settled

web 112MiB "console=hvc0" Retain | want web.yaml
domid=$(xl domid web)
ok "another command line waits for a restart: apply stages it" steer apply
ok "the guest was not touched" same "$domid" "$(xl domid web)"
ok "--fail-pending says so" fails 5 steer apply --fail-pending
ok "a restart that is allowed is done" steer apply --allow restart
ok "it is up again" ready web
ok "with the same identity" same "$uuid" "$(uuid_of web)"
ok "and the same disk" same kept "$(guest web 'cat /mnt/etc/motd')"
ok "the second plan is empty" settled

paused=$(xl domid web)
xl pause web
ok "paused by hand while xl's monitor lives, it is missed" fails 2 steer plan --detailed-exitcode
ok "and goes on" steer apply
ok "as the same domain" same "$paused" "$(xl domid web)"
ok "the second plan is empty" settled

xl destroy web
ok "destroyed by hand, it is missed" fails 2 steer plan --detailed-exitcode
ok "and repaired" steer apply
ok "it is up again" ready web
ok "its disk was not made anew" same kept "$(guest web 'cat /mnt/etc/motd')"
ok "the second plan is empty" settled

domid=$(xl domid web)
guest web 'reboot -f' >/dev/null 2>&1
rebooted() { local now; now=$(xl domid web) && [[ $now != "$domid" ]]; }
ok "the guest reboots by itself: xl's monitor creates it anew" within 40 rebooted
ok "it is up again" ready web 60
ok "it is still ours, and as wanted" settled
ok "snapshot: owned, under its old identity" bash -c "xensteer snapshot --config $settings | jq -e '.domains[] | select(.name == \"web\") | .owned and .uuid == \"$uuid\"'"

guest web 'poweroff -f' >/dev/null 2>&1
ok "it powers off by itself: it stays, stopped" within 20 bash -c 'xl list -v | grep -q "^web .*---s--"'
ok "restart Always: the next pass starts it" steer apply
ok "it is up again" ready web

mkdir /root/elsewhere
mv "$manifests"/web.yaml /root/elsewhere/
ok "its file removed, it is shut down and destroyed" steer apply
ok "it is gone" gone web
ok "its disk is kept: reclaim is Retain" bash -c 'ls /var/lib/xensteer/default/volumes/*/1-overlay.qcow2'
ok "its mark is gone" fails 1 xenstore-exists "/tool/xensteer/default/$uuid"
ok "so is its record" fails 1 test -e "/var/lib/xensteer/default/domains/$uuid.json"

web 128MiB "console=hvc0 quiet" Delete | want web.yaml
ok "wanted again, it comes with its old disk" steer apply
ok "it is up" ready web
ok "what it wrote is there" same kept "$(guest web 'cat /mnt/etc/motd')"
rm -f /var/lib/xensteer/default/deletions.json # an hour later
unwant web.yaml
ok "removed once more" steer apply
ok "it is gone" gone web
ok "and its disk: reclaim is Delete" fails 2 ls /var/lib/xensteer/default/volumes/*/1-overlay.qcow2
ok "the base image is as it was" same "$base" "$(sha256sum </guest/base.qcow2)"
ok "the domain that is not ours is untouched" same "$stranger" "$(xl list -v | grep '^hand-made ' | awk '{ print $2, $(NF - 2) }')"
xl destroy hand-made
ok "nothing is left" within 10 leftovers
plan
