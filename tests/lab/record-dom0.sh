# Runs in dom0 on behalf of record.sh: every state of a domain, and what xl and xenstore say of it.
# shellcheck shell=bash disable=SC2016
mkdir -p /src/recorded /var/rec && cd /var/rec || exit 1
out=/src/recorded

keep() { # FILE COMMAND...: standard output only, byte for byte
	local file=$1; shift
	"$@" >"$out/$file" 2>/dev/null
}
session() { # FILE COMMAND-LINE: the command, both streams, exit status and duration, appended
	local began rc
	began=$(date +%s.%N)
	echo "\$ $2" >>"$out/$1"
	bash -c "$2" >>"$out/$1" 2>&1
	rc=$?
	printf '[exit %d, %.1f s]\n\n' $rc "$(echo "$(date +%s.%N) $began" | awk '{print $1 - $2}')" >>"$out/$1"
	return 0
}
lists() { # TAG: everything that lists domains
	keep "list-v-$1.txt" xl list -v
	keep "list-l-$1.json" xl list -l
}
store() { # TAG NAME: all that xenstore has of a domain
	local id uuid
	id=$(xl domid "$2")
	uuid=$(xenstore-read "/local/domain/$id/vm")
	{
		for path in "/libxl/$id" "/local/domain/$id" "$uuid" /local/domain/0/backend; do
			echo "# xenstore-ls -f $path   (domid $id)"
			xenstore-ls -f "$path"
		done
	} >"$out/xenstore-$1.txt" 2>/dev/null
}

# images: an ext4 file system, as raw file, as qcow2 base, as qcow2 overlay on the base
mkdir -p root && echo 'base image' >root/motd
mke2fs -q -t ext4 -d root base.raw 16M
qemu-img convert -f raw -O qcow2 base.raw base.qcow2
cp base.raw data.raw
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 web.qcow2

# ---- the host, empty
keep info.txt xl info
keep info-n.txt xl info -n
lists none
keep xenstore-empty-host.txt xenstore-ls -f /

# ---- a running guest: qcow2 with backing file, and a vif
qcow2='format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/var/rec/web.qcow2'
mk web pv 128 "'$qcow2'" "'mac=00:16:3e:00:00:77,bridge=xenbr0'" 'uuid="11111111-2222-4333-8444-555555555555"
maxvcpus=1
maxmem=128'
cp /tmp/web.cfg $out/web.cfg
session create.session 'xl create -e /tmp/web.cfg'
ready web
lists one-running
store qdisk-vif web
session losetup.session 'losetup -a'

# ---- a raw file
raw='format=raw,vdev=xvda,access=rw,target=/var/rec/data.raw'
mk raw pv 128 "'$raw', 'format=raw,vdev=xvdb,access=ro,target=/var/rec/base.raw'"
cp /tmp/raw.cfg $out/raw.cfg
session create.session 'xl create -e /tmp/raw.cfg'
ready raw
store phy raw
session losetup.session 'losetup -a'
session losetup.session 'losetup --json --list'
keep list-l-disks.json xl list -l

# ---- one of each fate
mk paused pv 128
session create.session 'xl create -e -p /tmp/paused.cfg'
for fate in off rebooted crashed; do
	mk $fate pv 128
	session create.session "xl create -e /tmp/$fate.cfg"
	ready $fate
done
session shutdown.session 'xl shutdown off'
session shutdown.session 'xl reboot rebooted'
xenstore-write "/local/domain/$(xl domid crashed)/data/cmd" 'echo c >/proc/sysrq-trigger'
sleep 2
mk half pv 128 "'${raw/data/half}'"
cp base.raw half.raw
xl create /tmp/half.cfg >/dev/null 2>&1 &
pid=$!
sleep 0.2
kill -9 $pid
wait $pid 2>/dev/null
lists at-kill
mk later pv 128 "'${raw/data/later}'"
cp base.raw later.raw
xl create /tmp/later.cfg >/dev/null 2>&1 &
pid=$!
sleep 1.5
kill -9 $pid
wait $pid 2>/dev/null
sleep 3
lists all
for name in web raw paused off rebooted crashed half later; do
	session list-l-by-name.session "xl list -l $name"
	session domstate.session "xl list -v $name"
done
session losetup.session 'losetup -a   # with the half-built one'
store half-built half
store half-built-later later

# ---- destroy: what each of them leaves
for name in paused off rebooted crashed half later; do session destroy.session "xl destroy $name"; done
session shutdown.session 'xl pause raw'
session shutdown.session 'timeout 90 xl shutdown raw   # a paused guest'
xl unpause raw
session destroy.session 'xl destroy raw'
session losetup.session 'losetup -a   # after xl destroy raw'
keep xenstore-backends-after-destroy.txt xenstore-ls -f /local/domain/0/backend

# ---- a guest as it shuts down, with a monitor and without: the lists, one after another
follow() { # TAG NAME
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		session "going-$1.session" "xl list -v | tail -n +2; xl list -l $2 | head -n 3 | tr -d '\n'; losetup -a"
	done
}
mk going pv 128 "'$raw'"
xl create /tmp/going.cfg >/dev/null 2>&1
ready going
xl shutdown going >/dev/null 2>&1
follow monitored-poweroff going
mk going pv 128 "'$raw'" '' 'on_reboot="restart"'
xl create /tmp/going.cfg >/dev/null 2>&1
ready going
# a node under /tool, keyed by UUID, through a reboot that the monitor carries out
uuid=$(xl list -v | awk '$1 == "going" { print $(NF - 2) }')
was=$(xl domid going)
session mark.session "xenstore-write /tool/xensteer/default/$uuid 'Domain/going'"
xl reboot going >/dev/null 2>&1
follow monitored-reboot going
ready going
session mark.session "echo domid was $was, is \$(xl domid going); xl list -v going; xenstore-read /tool/xensteer/default/$uuid"
session mark.session "xenstore-ls -fp /tool/xensteer"
session mark.session "xenstore-rm /tool/xensteer/default/$uuid"
( sleep 0.1; xl destroy going ) >/dev/null 2>&1 &
follow destroy going
wait

# ---- a guest with everything
mkdir -p rootboot/boot/grub
cp /guest/vmlinux rootboot/boot/vmlinuz
cp /guest/guest.img rootboot/boot/initrd.img
cat >rootboot/boot/grub/grub.cfg <<'G'
set default=0
menuentry 'guest' {
	linux /boot/vmlinuz console=hvc0 quiet
	initrd /boot/initrd.img
}
G
mke2fs -q -t ext4 -O ^metadata_csum,^64bit -d rootboot boot.raw 160M
rm -r rootboot
cat >/tmp/rich.cfg <<C
name="rich"
type="pv"
uuid="0a1b2c3d-4e5f-4607-9889-0a0b0c0d0e0f"
bootloader="pygrub"
bootloader_args=["-q"]
memory=128
maxmem=256
vcpus=2
maxvcpus=4
cpus="0-1"
cpu_weight=512
cap=50
disk=["format=raw,vdev=xvda,access=rw,target=/var/rec/boot.raw","format=raw,vdev=xvdb,access=ro,target=/var/rec/base.raw","$qcow2"]
vif=["mac=00:16:3e:00:00:10,bridge=xenbr0","mac=00:16:3e:00:00:11,bridge=xenbr0,vifname=rich-second,ip=10.9.0.20,rate=10Mb/s"]
vfb=["type=vnc,vnclisten=127.0.0.1,vncdisplay=10,vncunused=0"]
on_poweroff="preserve"
on_reboot="preserve"
on_crash="preserve"
on_watchdog="preserve"
C
sed -i 's/vdev=xvda,access=rw,backendtype/vdev=xvdc,access=rw,backendtype/' /tmp/rich.cfg
xl destroy web
cp /tmp/rich.cfg $out/rich.cfg
sed 's/^bootloader.*//; s|^memory|kernel="/guest/vmlinux"\nramdisk="/guest/guest.img"\nroot="/dev/xvda ro"\nextra="console=hvc0 quiet \\"q\\" b\\\\s"\nmemory|; s/^on_.*//; s/^cpus=.*/cpus=["0","1"]/' /tmp/rich.cfg >/tmp/rich-kernel.cfg
echo 'on_poweroff="destroy"
on_reboot="restart"
on_crash="restart"
on_watchdog="restart"' >>/tmp/rich-kernel.cfg
cp /tmp/rich-kernel.cfg $out/rich-kernel.cfg
keep dry-run-rich.json xl -N create -q /tmp/rich.cfg
keep dry-run-rich-n.txt xl create -n /tmp/rich.cfg
keep dry-run-rich-kernel.json xl -N create -q /tmp/rich-kernel.cfg
keep dry-run-web.json xl -N create -q $out/web.cfg
session create.session 'xl create -e /tmp/rich.cfg'
ready rich
keep list-l-rich.json xl list -l rich
keep list-v-rich.txt xl list -v
keep vcpu-list-rich.txt xl vcpu-list rich
keep sched-credit2.txt xl sched-credit2
keep block-list-rich.txt xl block-list rich
keep network-list-rich.txt xl network-list rich
store rich rich
id=$(xl domid rich)
memory="for n in target static-max videoram; do echo \"\$n \$(xenstore-read /local/domain/$id/memory/\$n)\"; done; xl list rich"
session memory.session "$memory"
session memory.session "xl mem-set rich 200m"; sleep 1
session memory.session "$memory"
keep list-l-rich-mem-set-200m.json xl list -l rich
session memory.session "xl mem-set rich 160"; sleep 1
session memory.session "$memory"
session memory.session "xl mem-set rich 147456k"; sleep 1
session memory.session "$memory"
session memory.session "xl mem-set rich 512m   # above static-max"
session memory.session "xl mem-max rich 512m"
session memory.session "$memory"
session memory.session "xl vcpu-set rich 4"
session memory.session "xl vcpu-set -i rich 4"; sleep 1
session memory.session "xl vcpu-list rich"
session memory.session "xl vcpu-set -i rich 5   # above maxvcpus"
session memory.session "xl vcpu-set rich 1"; sleep 1
session memory.session "xl vcpu-list rich"
session memory.session "xl vcpu-pin rich all 1"
session memory.session "xl vcpu-list rich"
session memory.session "xl sched-credit2 -d rich -w 300 -c 25"
session memory.session "xl sched-credit2 -d rich"
session memory.session "for k in 0 1 2 3; do xenstore-read /local/domain/$id/cpu/\$k/availability; done"
keep list-l-rich-after.json xl list -l rich
session rename.session 'xl rename rich richer'
session rename.session 'xl list -v; xenstore-read /local/domain/'"$id"'/name'
session rename.session 'xl rename richer rich'
session hotplug.session "xl block-detach rich xvdb"
session hotplug.session "xl block-attach rich format=raw,vdev=xvdb,access=ro,target=/var/rec/base.raw"
session hotplug.session "xl network-detach rich 1"
session hotplug.session "xl network-attach rich mac=00:16:3e:00:00:12 bridge=xenbr0"
session hotplug.session "xl block-list rich; xl network-list rich"
keep list-l-rich-hotplug.json xl list -l rich

# ---- commands that fail
mk other pv 128
session fail.session "sed s/other/rich/ /tmp/other.cfg >/tmp/dup.cfg; xl create -e /tmp/dup.cfg   # duplicate name"
mk f1 pv 128 "'format=raw,vdev=xvda,access=rw,target=/nowhere.raw'"
session fail.session 'xl create -e /tmp/f1.cfg   # missing disk'
mk f2 pv 128 "'format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/nowhere.qcow2'"
session fail.session 'xl create -e /tmp/f2.cfg   # missing qcow2: exit 0, and the backend stays in state 1'
session fail.session 'sleep 1; xenstore-ls -f /local/domain/0/backend/qdisk/$(xl domid f2); xl list -v f2; tail -n 2 /var/log/xen/qemu-dm-f2.log; xl destroy f2'
mk f3 pv 128 '' "'bridge=nobr0'"
session fail.session 'xl create -e /tmp/f3.cfg   # missing bridge'
mk f4 pv 128; sed -i 's|/guest/vmlinux|/nowhere|' /tmp/f4.cfg
session fail.session 'xl create -e /tmp/f4.cfg   # missing kernel'
mk f5 pv 9000
session fail.session 'xl create -e /tmp/f5.cfg   # not enough memory'
mk f6 pv 16
session fail.session 'xl create -e /tmp/f6.cfg   # too small for its kernel'
echo 'name="f7' >/tmp/f7.cfg
session fail.session 'xl create -e /tmp/f7.cfg   # not a configuration'
session fail.session 'xl create -e /tmp/absent.cfg   # no such file'
mk f8 pv 128 "'format=nonsense,vdev=xvda,target=/var/rec/base.raw'"
session fail.session 'xl create -e /tmp/f8.cfg   # unknown disk format'
dd if=/dev/urandom of=corrupt.qcow2 bs=64k count=4 2>/dev/null
mk f9 pv 128 "'format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/var/rec/corrupt.qcow2'"
session fail.session 'xl create -e /tmp/f9.cfg   # corrupt qcow2'
session fail.session 'xenstore-ls -f /local/domain/0/backend/qdisk/$(xl domid f9); tail -n 3 /var/log/xen/qemu-dm-f9.log; xl destroy f9'
for command in 'list -l nosuch' 'list -v nosuch' 'list -v 999' 'domid nosuch' 'destroy nosuch' 'destroy 999' 'mem-set nosuch 100' \
	'mem-set 999 100' 'shutdown nosuch' 'shutdown 999' 'reboot 999' 'pause 999' 'unpause 999' 'vcpu-set 999 1' 'rename 999 x' \
	'block-attach 999 format=raw,vdev=xvdb,target=/var/rec/base.raw' 'block-detach 999 xvda' 'network-attach 999 bridge=xenbr0' \
	'network-detach 999 0' 'block-detach rich xvdz' 'network-detach rich 9' 'network-attach rich bridge=nobr0' \
	'block-attach rich format=raw,vdev=xvde,access=rw,target=/nowhere.raw' 'sched-credit2 -d 999 -w 1' 'save 999 /tmp/x' \
	'restore /nowhere' 'create --nonsense'; do
	session fail.session "xl $command"
done
xl network-list rich >"$out/network-list-after-bad-bridge.txt"
session fail.session 'xl list -v'
session fail.session 'xl network-detach rich 2   # what the bad bridge left; a restore would trip over it'

# ---- memory: does dom0 give, does xl info tell
session free-memory.session "xl info | grep -E 'total_memory|free_memory'; xl list"
mk big pv 1024
session free-memory.session 'xl create -e /tmp/big.cfg'
session free-memory.session "xl info | grep -E 'total_memory|free_memory'; xl list"
session free-memory.session 'xl destroy big'
session free-memory.session "xl info | grep -E 'total_memory|free_memory'; grep -v '^#' /etc/xen/xl.conf | grep ."
mk toobig pv 2990
session free-memory.session 'xl create -e /tmp/toobig.cfg   # more than free_memory; would dom0 give?'
session free-memory.session "xl list; cat /proc/cmdline; xl destroy toobig"

# ---- save and restore: what the lists say afterwards
session save.session 'umask 077; xl save rich /var/rec/rich.save'
session save.session 'xl list -v; losetup -a; od -A d -c -N 64 /var/rec/rich.save'
session save.session 'xl restore -e /var/rec/rich.save'
sleep 1
keep list-l-rich-restored.json xl list -l rich
keep list-v-rich-restored.txt xl list -v
session destroy.session 'xl destroy rich'
session create.session 'xl create -e -p /tmp/rich-kernel.cfg'
keep list-l-rich-kernel.json xl list -l rich
session destroy.session 'xl destroy rich'
session losetup.session 'losetup -a   # the end'
keep xenstore-after-all.txt xenstore-ls -f /
ls /var/log/xen >"$out/log-files.txt"
leftovers
