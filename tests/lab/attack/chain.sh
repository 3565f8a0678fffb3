# Chains on real Xen: what the attacks on them share (attack/chains.sh, attack/steps.sh, scenarios/70-chains.sh).
# shellcheck shell=bash disable=SC2154,SC2034 # dom0.sh sets settings and manifests; the users use the rest

historic='[{file: {size: 192MiB}}, {nbd: {}}, {filesystem: {type: ext4}}, {image: base}, {overlay: {}}]'
cat >"$settings" <<'Y'
apiVersion: xensteer/v1
kind: Host
spec:
  deletions: {free: 1000}
  hlfsDir: /src/hlfs
  policy: {files: [/guest, /srv], kernels: [/guest], blockDevices: [/dev/vg0]}
Y
state=/var/lib/xensteer/default

modprobe nbd
truncate -s 512M /root/pv.raw
vg_loop=$(losetup -f --show /root/pv.raw)
vgcreate -q vg0 "$vg_loop" >/dev/null

want images.yaml <<'Y'
apiVersion: xensteer/v1
kind: Image
metadata: {name: base}
spec: {path: /guest/base.qcow2, format: qcow2}
Y
losetup -n -O NAME -a | sort >/tmp/loops

bound() { # what is bound or mounted of ours, one a line
	local device
	for device in /sys/block/nbd*; do
		[[ ! -e $device/pid ]] || echo "${device##*/}"
	done
	losetup -n -O NAME -a | sort | comm -13 /tmp/loops -
	findmnt -rn -o TARGET | grep "^$state" || true
	lvs --noheadings -o lv_path,lv_active vg0 2>/dev/null | awk '$2 == "active" { print $1 }'
	pgrep -fa hlfs/nbd-server || true
}

guest_on() { # NAME CHAIN
	want "$1.yaml" <<Y
apiVersion: xensteer/v1
kind: Domain
metadata: {name: $1}
spec:
  memory: 128MiB
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}
  disks: [{vdev: xvda, volume: {reclaim: Delete, chain: $2}}]
  shutdown: {timeout: 20s, escalate: destroy}
Y
}

power() { # NAME POWER
	awk -v power="$2" '/^  power:/ { next } { print } /^spec:/ { print "  power: " power }' "$manifests/$1.yaml" |
		want "$1.yaml"
}

write_and_read() { # NAME WORD
	guest "$1" "echo $2 >/mnt/word && sync && cat /mnt/word" | grep -qx "$2"
}

reads() { # NAME WORD
	guest "$1" "cat /mnt/word" | grep -qx "$2"
}

formatted() { # NAME: a disk that nobody has written to yet
	guest "$1" "grep -q /mnt /proc/mounts || { mke2fs /dev/xvda >/dev/null && mount -t ext4 /dev/xvda /mnt; }"
}

torn_down() { # NAME: what a reboot of dom0 leaves of it
	local device target
	xl destroy "$1"
	within 20 gone "$1"
	within 20 no_backend
	findmnt -rn -o TARGET | grep "^$state" | sort -r | while read -r target; do umount "$target"; done
	losetup -n -O NAME -a | sort | comm -13 /tmp/loops - | while read -r device; do losetup -d "$device"; done
	for device in /sys/block/nbd*; do
		[[ ! -e $device/pid ]] || qemu-nbd -d "/dev/${device##*/}" >/dev/null
	done
	pkill -f hlfs/nbd-server
	vgchange -q -an vg0 >/dev/null
	within 10 nothing_bound
}
no_backend() { [[ -z $(xenstore-list /local/domain/0/backend/vbd 2>/dev/null)$(xenstore-list /local/domain/0/backend/qdisk 2>/dev/null) ]]; }
nothing_bound() { same "" "$(bound)"; }
