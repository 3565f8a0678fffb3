# A guest on each kind of chain: made, written to, rebooted, brought back after everything below it was torn down as a
# reboot of dom0 does it, stopped, removed. Afterwards nothing is bound, mounted or left that should not be.
# ATTACK_CHAINS: only these, by name. All of them take a quarter of an hour: LAB_SECONDS=1500.
# shellcheck shell=bash disable=SC2154 # dom0.sh sets settings and manifests

# shellcheck source=tests/lab/attack/chain.sh
. /src/attack/chain.sh

# an image with a partition table, and in its second partition what base.qcow2 holds
mkdir -p /srv
truncate -s 96M /srv/parted.raw
printf 'label: gpt\nsize=8MiB\nsize=64MiB\n' | sfdisk -q /srv/parted.raw
qemu-img convert -f qcow2 -O raw /guest/base.qcow2 /root/base.raw
dd if=/root/base.raw of=/srv/parted.raw bs=1M seek="$(($(sfdisk -J /srv/parted.raw | jq '.partitiontable.partitions[1].start') / 2048))" conv=notrunc status=none

# an export of another host, as far as xensteer can tell
cp /root/base.raw /root/remote.raw
qemu-nbd -t -b 127.0.0.1 -p 10810 -f raw -x root --fork --pid-file /run/remote.pid /root/remote.raw

want parted.yaml <<'Y'
apiVersion: xensteer/v1
kind: Image
metadata: {name: parted}
spec: {path: /srv/parted.raw, format: raw}
Y
life() { # NAME CHAIN [formats]: the whole of it
	guest_on "$1" "$2"
	ok "$1: made" steer apply -q
	ok "$1: the guest is there" ready "$1"
	ok "$1: the second plan is empty" settled
	[[ -z ${3:-} ]] || ok "$1: a fresh disk takes a filesystem" formatted "$1"
	ok "$1: the guest writes" write_and_read "$1" "first-$1"
	local id
	id=$(xl domid "$1")
	xl reboot "$1"
	ok "$1: rebooted" within 60 rebooted "$1" "$id"
	ok "$1: it reads what it wrote" reads "$1" "first-$1"
	ok "$1: settled" settled
	ok "$1: dom0 lost all that was bound" torn_down "$1"
	ok "$1: brought back" steer apply -q
	ok "$1: the guest is back" ready "$1"
	ok "$1: with its data" reads "$1" "first-$1"
	power "$1" Stopped
	ok "$1: stopped" steer apply -q
	ok "$1: nothing is bound" nothing_bound
	ok "$1: settled" settled
	power "$1" Running
	ok "$1: started" steer apply -q
	ok "$1: the guest is back" ready "$1"
	ok "$1: with its data" reads "$1" "first-$1"
	unwant "$1.yaml"
	ok "$1: removed" steer apply -q
	ok "$1: nothing is bound" nothing_bound
	ok "$1: no file is left" same "" "$(ls "$state/volumes" 2>/dev/null)"
	ok "$1: no logical volume is left" same "" "$(lvs --noheadings -o lv_name vg0 2>/dev/null)"
}
rebooted() { # NAME DOMID: it is another domain, and ready
	local id
	id=$(xl domid "$1" 2>/dev/null) && [[ $id != "$2" ]] && is_ready "$1"
}

chain() { # NAME CHAIN [formats]: its life, if it is asked for
	[[ " ${ATTACK_CHAINS:-$1} " != *" $1 "* ]] || life "$@"
}
chain raw '[{file: {size: 64MiB}}]' formats
chain qcow2 '[{image: base}, {overlay: {}}]'
chain lvm '[{lvm: {group: vg0, size: 64MiB}}]' formats
chain stock "$historic"
chain remote '[{nbd: {uri: "nbd://127.0.0.1:10810/root"}}]'
chain parted '[{image: parted}, {overlay: {}}, {nbd: {}}, {partition: 2}]'
chain looped '[{file: {size: 64MiB}}, {loop: {}}]' formats
chain hlfs '[{hlfs: {uri: "local:///srv/hlfs/vm", size: 128MiB}}, {nbd: {}}, {filesystem: {}}, {image: base}, {overlay: {}}]'
kill "$(cat /run/remote.pid)"
plan
