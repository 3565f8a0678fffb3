# Volumes grow on real Xen: a raw file under its guest, a qcow2 with the guest's restart, a logical volume with the
# filesystem on it under a guest whose disk lies there, the historic chain with a restart, a Volume that nobody has.
# What the guest sees is asked of the guest.
# shellcheck shell=bash disable=SC2154 # dom0.sh sets settings and manifests

# shellcheck source=tests/lab/attack/chain.sh
. /src/attack/chain.sh

sees() { # NAME MIB: after a request of its own, at which the backend looks at its device
	guest "$1" "dd if=/dev/xvda of=/dev/null bs=4096 count=1 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; sync;
		dd if=/dev/xvda of=/dev/null bs=4096 skip=64 count=1 2>/dev/null; cat /sys/block/xvda/size" |
		grep -qx "$(($2 * 2048))"
}
plans() { # WORDS: what plan says holds them
	steer plan | grep -q -- "$1"
}
same_boot() { # NAME ID: it was not restarted
	same "$2" "$(xl domid "$1")"
}
mounted_mib() { # the filesystem of ours that is mounted: its size
	findmnt -rnb -o SIZE,TARGET | awk -v state="$state" 'index($2, state) { print int($1 / 1048576) }'
}
is_larger() { # MIB THAN
	[[ $1 -gt $2 ]]
}

guest_on raw '[{file: {size: 64MiB}}]'
ok "raw: made" steer apply -q
ok "raw: the guest is there" ready raw
ok "raw: it takes a filesystem" formatted raw
ok "raw: the guest writes" write_and_read raw kept
raw_id=$(xl domid raw)
guest_on raw '[{file: {size: 128MiB}}]'
ok "raw: growing is planned as live" plans "live"
ok "raw: grown" steer apply -q
ok "raw: the guest was not restarted" same_boot raw "$raw_id"
ok "raw: it sees the new size" within 20 sees raw 128
ok "raw: it has what it wrote" reads raw kept
ok "raw: settled" settled

# killed after the file grew and before the loop device did: another one is as good as that
file=$(echo "$state"/volumes/*/0-file.raw)
guest_on raw '[{file: {size: 160MiB}}]'
truncate -s 160M "$file"
ok "raw: what was cut short goes on" steer apply -q
ok "raw: it sees that, too" within 20 sees raw 160
ok "raw: settled after that" settled

guest_on raw '[{file: {size: 64MiB}}]'
ok "raw: smaller is refused" plans "shrinking a volume is refused"
guest_on raw '[{file: {size: 160MiB}}]'

guest_on cow '[{image: base}, {overlay: {size: 256MiB}}]'
ok "cow: made" steer apply -q
ok "cow: the guest is there" ready cow
ok "cow: the guest writes" write_and_read cow kept
cow_id=$(xl domid cow)
guest_on cow '[{image: base}, {overlay: {size: 512MiB}}]'
ok "cow: it waits for a restart" plans "restart required"
steer apply -q
ok "cow: nothing was done to it" same_boot cow "$cow_id"
ok "cow: it sees the old size" sees cow 256
ok "cow: grown by a restart" steer apply -q --allow restart
ok "cow: the guest is back" ready cow
ok "cow: it sees the new size" sees cow 512
ok "cow: it has what it wrote" reads cow kept
ok "cow: settled" settled

guest_on store '[{lvm: {group: vg0, size: 160MiB}}, {filesystem: {}}, {image: base}, {overlay: {}}]'
ok "store: made" steer apply -q --only Domain/store
ok "store: the guest is there" ready store
before=$(mounted_mib)
store_id=$(xl domid store)
guest_on store '[{lvm: {group: vg0, size: 320MiB}}, {filesystem: {}}, {image: base}, {overlay: {}}]'
ok "store: grown under its guest" steer apply -q
ok "store: the guest was not restarted" same_boot store "$store_id"
ok "store: the filesystem is larger" is_larger "$(mounted_mib)" "$before"
ok "store: settled" settled
power store Stopped
ok "store: stopped" steer apply -q

guest_on old "$historic"
ok "old: made" steer apply -q
ok "old: the guest is there" ready old
ok "old: the guest writes" write_and_read old kept
before=$(mounted_mib)
guest_on old "${historic/192MiB/384MiB}"
ok "old: it waits for a restart" plans "restart required"
ok "old: grown by a restart" steer apply -q --allow restart
ok "old: the guest is back" ready old
ok "old: it has what it wrote" reads old kept
ok "old: the filesystem is larger" is_larger "$(mounted_mib)" "$before"
ok "old: settled" settled

want data.yaml <<'Y'
apiVersion: xensteer/v1
kind: Volume
metadata: {name: data}
spec: {reclaim: Delete, chain: [{file: {size: 64MiB}}, {loop: {}}, {filesystem: {}}, {file: {size: 8MiB}}]}
Y
ok "data: made, for nobody" steer apply -q
sed -i 's/64MiB/128MiB/' "$manifests/data.yaml"
ok "data: grown at once" steer apply -q
ok "data: settled" settled

for name in raw cow store old data; do rm -f "$manifests/$name.yaml"; done
ok "all gone" steer apply -q
within 20 nothing_bound
ok "nothing is left bound" nothing_bound
plan
