# A guest that runs is changed in place: cpus, share, name, disks and nics come, go and are exchanged, by halves as well and
# by hand; a reboot keeps all of it. What cannot be done live says why.
# shellcheck shell=bash disable=SC2016,SC2154

host_settings
ip link add xenbr1 type bridge && ip link set xenbr1 up
mac1=00:16:3e:aa:00:01 mac2=00:16:3e:aa:00:02
hot() { # MEMORY LINES...: of its spec
	printf 'apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: hot}\nspec:\n  memory: %s\n' "$1"
	shift
	printf '  %s\n' 'maxMemory: 160MiB' 'maxVcpus: 2' 'disruption: reattach' \
		'boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}' "$@"
	local volume
	for volume in one two three; do
		printf -- '---\napiVersion: xensteer/v1\nkind: Volume\nmetadata: {name: %s}\n' $volume
		printf 'spec: {chain: [{file: {size: 8MiB, format: %s}}]}\n' "$([[ $volume == three ]] && echo qcow2 || echo raw)"
	done
}
live() { # TEXT: the plan is a live change and shows this
	local said
	said=$(steer plan)
	if ! grep -q '^~ Domain/hot *live$' <<<"$said" || ! grep -qE -- "$1" <<<"$said"; then
		echo "$said"
		return 1
	fi
}
says() { # TEXT
	local said
	said=$(steer plan 2>&1)
	grep -qE -- "$1" <<<"$said" || { echo "$said"; return 1; }
}
store() { xenstore-read "/local/domain/$1"; }
macs() { xl network-list "$id" | awk 'NR > 1 { print $1, $3 }' | xargs; }
pinned() { xl vcpu-list "$id" | awk 'NR > 1 { print $(NF - 2) }' | xargs; }
share() { xl sched-credit2 -d "$id" | awk 'END { print $(NF - 1), $NF }'; }
loops() { losetup -a | grep -o 'volumes/[^)]*' | wc -l; }

hot 128MiB "nics: [{mac: '$mac1'}, {name: eth1, mac: '$mac2'}]" | want hot.yaml
ok "a guest with two nics" steer apply
ok "it says that it is up" ready hot 60
id=$(xl domid hot)

hot 144MiB "nics: [{mac: '$mac1'}, {name: eth1, mac: '$mac2'}]" 'vcpus: 2' 'cpus: "1"' 'scheduler: {weight: 512, cap: 50}' \
	'disks: [{vdev: xvdb, volume: one}]' | want hot.yaml
ok "vcpus, memory, pinning, scheduler and a disk are live" live 'vcpus +1 -> 2'
ok "apply" steer apply
ok "the second plan is empty" settled
ok "its second vcpu is asked for" same online "$(store "$id/cpu/1/availability")"
ok "its target is 144 MiB" same 147456 "$(store "$id/memory/target")"
ok "all its vcpus are pinned" same "1 1" "$(pinned)"
ok "its share is what was asked" same "512 50" "$(share)"
ok "its disk is served" within 10 bash -c "[[ \$(xenstore-read /local/domain/0/backend/vbd/$id/51728/state) == 4 ]]"

hot 144MiB "nics: [{name: eth1, mac: '$mac2', bridge: xenbr1}]" 'vcpus: 1' 'disks: [{vdev: xvdb, volume: two}]' \
	'domainName: warm' | want hot.yaml
ok "nics and disks that change are taken away and given again" steer apply
ok "the second plan is empty" settled
ok "it has a new name" same "$id" "$(xl domid warm)"
ok "the second nic keeps its address" same "$mac2" "$(macs | cut -d' ' -f2)"
ok "it is alone, on the other bridge" same "vif$id.$(macs | cut -d' ' -f1)" "$(ls /sys/class/net/xenbr1/brif)"
ok "the first disk's loop device is free again" same 1 "$(loops)"
ok "its cpus are as before" same "all all 256 0" "$(pinned) $(share)"

xl network-attach "$id" mac=00:16:3e:aa:00:09 bridge=xenbr0
ok "a nic that somebody attaches by hand is drift" live '00:16:3e:aa:00:09'
xl pause "$id"
xl block-detach "$id" xvdb 2>/dev/null
xl unpause "$id"
ok "so is a disk that somebody detached by halves" says 'xvdb'
ok "apply repairs both" steer apply
ok "the second plan is empty" settled
ok "one nic is left" same "$mac2" "$(macs | cut -d' ' -f2-)"

sed 's/volume: two}/volume: three}/' "$manifests/hot.yaml" | want hot.yaml
ok "a qcow2 needs a QEMU, which this guest has not: a restart" says 'restart required'
ok "apply leaves the guest alone" steer apply
ok "the disk is what it was" same 1 "$(loops)"
ok "with a restart it is done" steer apply --allow restart
ok "it is up again" ready warm 60
id=$(xl domid warm)
sed 's/volume: three}/volume: three}, {vdev: xvdc, volume: four}/' "$manifests/hot.yaml" | want hot.yaml
printf -- '---\napiVersion: xensteer/v1\nkind: Volume\nmetadata: {name: four}\nspec: {chain: [{file: {size: 8MiB, format: qcow2}}]}\n' | want four.yaml
ok "now it has one: another qcow2 is live" steer apply
ok "QEMU serves it" within 10 bash -c "(( \$(xenstore-read /local/domain/0/backend/qdisk/$id/51744/state) >= 2 ))"
ok "the second plan is empty" settled

guest warm 'reboot -f' >/dev/null 2>&1
rebooted() { local now; now=$(xl domid warm) && [[ $now != "$id" ]]; }
ok "the guest reboots by itself: xl's monitor creates it anew" within 60 rebooted
ok "it is up again" ready warm 60
ok "it has all that it was given: the plan is empty" settled
unwant hot.yaml
ok "removed, it is shut down under its new name" steer apply
ok "nothing is left" within 10 leftovers
plan
