# Devices that chains bind, held against everybody else's: nbd devices of strangers are neither taken nor freed, losers of a
# race go on, one that is in use stays bound, volumes that race for too few devices all come to their turn, block devices
# that dom0 uses are refused, and a guest's own partition table moves nothing.
# ATTACK_VOLUMES (50): how many race for ATTACK_DEVICES (4). LAB_SECONDS=900.
# shellcheck shell=bash disable=SC2154 # dom0.sh sets settings and manifests

# shellcheck source=tests/lab/attack/chain.sh
. /src/attack/chain.sh

holds() { # DEVICE FILE: the process that serves the device has the file open
	local task
	task=$(cat "/sys/block/$1/pid") || return
	find "/proc/$task/fd" -lname "$2" | grep -q .
}
served() { # FILE: the nbd device that shows it
	local device
	for device in /sys/block/nbd*; do
		! holds "${device##*/}" "$1" 2>/dev/null || echo "${device##*/}"
	done
}
says() { # TEXT COMMAND...: it fails and says so
	local text=$1 said
	shift
	if said=$("$@" 2>&1) || ! grep -qF -- "$text" <<<"$said"; then
		printf '%s\n' "$said"
		return 1
	fi
}

# a stranger, that serves a file of its own
truncate -s 64M /root/theirs.raw /root/nbd0.raw
qemu-nbd -c /dev/nbd0 -f raw /root/theirs.raw
ok "a stranger has nbd0" within 5 test -s /sys/block/nbd0/pid
theirs=$(cat /sys/block/nbd0/pid)
chain='[{file: {size: 64MiB}}, {nbd: {}}]'
guest_on a "$chain"
ok "a is made" steer apply -q
ok "a runs" ready a
raw=$(echo "$state"/volumes/*/0-file.raw)
device=$(served "$raw")
ok "on a device of its own" test "$device" != nbd0
ok "which is as large as its file" same $((64 * 2048)) "$(cat "/sys/block/$device/size")"
ok "the second plan is empty" settled

# in use, and closed by nobody
power a Stopped
exec 9<"/dev/$device"
ok "closing waits for who has it open" says "has it open" steer apply
ok "it is still bound" test -s "/sys/block/$device/pid"
exec 9<&-
ok "and is closed when that is gone" steer apply -q
ok "a's device is free" same 0 "$(cat "/sys/block/$device/size")"
ok "the stranger's is as it was" same "$theirs" "$(cat /sys/block/nbd0/pid)"

# kill -9 of the server under a stopped guest's bound device: the next pass binds anew
power a Running
ok "a again" steer apply -q
ok "a runs again" ready a
xl destroy a
within 20 no_backend
kill -9 "$(cat "/sys/block/$(served "$raw")/pid")"
ok "its server is gone" within 10 same "" "$(served "$raw")"
ok "apply binds it anew" steer apply -q
ok "a is back" ready a
unwant a.yaml
ok "a goes" steer apply -q
ok "and leaves nothing" same nbd0 "$(bound)"

# a loser of the race: a stranger binds whatever is free, again and again
(
	while sleep 0.1; do
		for device in 1 2 3; do
			timeout 3 qemu-nbd -c /dev/nbd$device -f raw /root/nbd0.raw && qemu-nbd -d /dev/nbd$device
		done
	done
) >/dev/null 2>&1 &
stranger=$!
guest_on b "$chain"
ok "b is made beside one who binds and frees all the time" within 120 steer apply -q
ok "b runs" ready b
kill $stranger
wait $stranger 2>/dev/null
for device in nbd1 nbd2 nbd3; do
	[[ $(served /root/nbd0.raw) != *"$device"* ]] || qemu-nbd -d "/dev/$device" >/dev/null
done
ok "b has exactly one device" same 1 "$(served "$state/volumes/*/0-file.raw" | wc -l)"
unwant b.yaml
ok "b goes" steer apply -q
ok "only the stranger's is bound" same nbd0 "$(bound)"

# a unix socket, allowed and not
qemu-nbd -t -k /srv/export.sock -f raw -x disk --fork --pid-file /run/export.pid /root/nbd0.raw
guest_on c '[{nbd: {uri: "nbd+unix:///disk?socket=/srv/export.sock"}}]'
ok "an export of a socket" steer apply -q
ok "c runs on it" ready c
guest_on c '[{nbd: {uri: "nbd+unix:///disk?socket=/run/export.sock"}}]'
ok "a socket that this host does not allow" says "is not beneath a folder that this host allows" steer validate
guest_on c '[{nbd: {uri: "nbd+unix:///disk?socket=/srv/export.sock"}}]'
unwant c.yaml
ok "c goes" steer apply -q
kill "$(cat /run/export.pid)"
ok "only the stranger's is bound" same nbd0 "$(bound)"

# a partition, whose table its guest cannot reach; a number that is not there
truncate -s 96M /srv/disk.raw
printf 'label: dos\nsize=8MiB\nsize=64MiB\n' | sfdisk -q /srv/disk.raw
want disk.yaml <<'Y'
apiVersion: xensteer/v1
kind: Image
metadata: {name: disk}
spec: {path: /srv/disk.raw, format: raw}
Y
guest_on d '[{image: disk}, {overlay: {}}, {nbd: {}}, {partition: 5}]'
ok "no such partition" says "has no partition 5: there are 1 (8MiB), 2 (64MiB)" steer apply
guest_on d '[{image: disk}, {overlay: {}}, {nbd: {}}, {partition: 2}]'
unwant d.yaml
ok "what was bound for it goes" steer apply -q
ok "only the stranger's is bound" same nbd0 "$(bound)"

# block devices of dom0: mounted, in a volume group, not allowed, out of the allowed by a symlink
mkfs.ext4 -q /root/other.raw 64M
mounted=$(losetup -f --show /root/other.raw)
mkdir -p /mnt/other /srv/devices
mount "$mounted" /mnt/other
ln -s /dev/nbd0 /srv/devices/link
sed -i "s,blockDevices: .*],blockDevices: [$mounted\, $vg_loop\, /srv/devices]}," "$settings"
refused() { # PATH WORDS
	guest_on e "[{block: $1}]"
	says "$2" steer apply
}
ok "a mounted device" refused "$mounted" "it is mounted on /mnt/other"
ok "a physical volume" refused "$vg_loop" "physical volume of LVM"
ok "a symlink out of what is allowed" refused /srv/devices/link "leads to /dev/nbd0, which is not allowed"
ok "what is not allowed" refused /dev/sda "is not allowed on this host"
umount /mnt/other
guest_on e "[{block: $mounted}]"
ok "not mounted any more" steer apply -q
ok "e runs on it" ready e
unwant e.yaml
ok "e goes" steer apply -q
ok "the device stays as it was" same "$mounted" "$(losetup -n -O NAME -j /root/other.raw)"
losetup -d "$mounted"

# too few devices: every volume comes to its turn, no device serves two
count=${ATTACK_VOLUMES:-50}
devices=$(seq -f '/dev/nbd%g' -s ', ' 0 "${ATTACK_DEVICES:-4}")
sed -i "/^spec:/a\\  nbdDevices: [$devices]" "$settings"
for ((number = 0; number < count; number++)); do
	guest_on "r$number" '[{file: {size: 1MiB}}, {nbd: {}}]'
done
ok "too many for the devices: said so" says "nbd devices is free" steer apply
twice() { # no file is served by two, no device serves none
	local device
	for device in /sys/block/nbd*; do
		[[ ! -e $device/pid ]] || find "/proc/$(cat "$device/pid")/fd" -lname '*/0-file.raw' -printf '%l\n' | sort -u
	done | sort | uniq -d
}
ok "no volume is served twice" same "" "$(twice)"
ok "as many are bound as there are devices" same "$((${ATTACK_DEVICES:-4} + 1))" "$(bound | grep -c ^nbd)"
rm -f "$manifests"/r*.yaml
ok "all go" steer apply -q
ok "only the stranger's is bound" same nbd0 "$(bound)"
ok "and it was never touched" same "$theirs" "$(cat /sys/block/nbd0/pid)"
qemu-nbd -d /dev/nbd0 >/dev/null
plan
