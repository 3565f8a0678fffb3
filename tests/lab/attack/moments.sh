# The attack with kill -9: what its two users share (attack/kill.sh, all of it; scenarios/60-killed.sh, a little of it).
# A guest with two disks (a file behind a loop device, a qcow2 behind a QEMU) and a nic is created and removed, again and
# again; each time something is killed at another moment of it. The next apply must find its way from whatever is there.
# A row of the table: what was killed in which work, when, what was there right after it, how the next apply ended and
# after how long; then what was not clean.
# shellcheck shell=bash disable=SC2154 # dom0.sh sets settings and manifests

state=/var/lib/xensteer/default
row='# %-17s %6s  %-34s %4s %6s  %s\n'

attack_begin() {
	host_settings
	printf 'apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: base}\nspec: {path: /guest/base.qcow2, format: qcow2}\n' |
		want image.yaml
	stranger_begin
	processes >/tmp/processes
	# shellcheck disable=SC2059
	printf "$row" killed ms "right after" exit s "what is not clean"
}

stranger_begin() { # a loop device that is not ours, and must stay
	truncate -s 4M /root/stranger.raw
	losetup /dev/loop7 /root/stranger.raw
}

guest_wanted() {
	cat <<'Y' | want g.yaml
apiVersion: xensteer/v1
kind: Domain
metadata: {name: g}
spec:
  memory: 128MiB
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}
  disks:
    - {vdev: xvda, volume: {reclaim: Delete, chain: [{image: base}, {overlay: {}}]}}
    - {vdev: xvdb, volume: {reclaim: Delete, chain: [{file: {size: 8MiB}}]}}
  nics: [{bridge: xenbr0}]
  shutdown: {timeout: 20s, escalate: destroy}
Y
}

guest_unwanted() {
	unwant g.yaml
	rm -f "$state/deletions.json" # an hour later
}

milliseconds() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

processes() { # what may run beside guests, one a line
	ps -eo args= | awk '$1 ~ /(^|\/)(xl|qemu|xen|nbd|losetup)/ || $2 ~ /^\/etc\/xen\/scripts/' | sort
}

loops() { # the files behind loop devices, the stranger's left out
	losetup -n -O BACK-FILE -a | grep -vxF /root/stranger.raw | sort
}

backends() { # of any guest
	local kind id
	for kind in vbd qdisk vif; do
		for id in $(xenstore-list /local/domain/0/backend/$kind 2>/dev/null); do
			xenstore-list "/local/domain/0/backend/$kind/$id" | sed "s/^/$kind $id /"
		done
	done
}

right_after() { # one short line about what is there
	local guest
	guest=$(xl list -v | awk 'NR > 2 { printf "%s%s ", $1 == "(null)" ? "no-name " : "", $(NF - 4) }')
	echo "${guest:-no guest }loops=$(loops | wc -l) backends=$(backends | wc -l)"
}

stray() { # processes that nobody needs
	local living
	living=$(xl list | awk 'NR > 2 { print $2 }')
	processes | comm -13 /tmp/processes - |
		if [[ -n $living ]]; then grep -v "create .*/cfg/\|-xen-domid $living "; else cat; fi
}

not_clean_up() { # with the guest wanted: prints what is wrong
	local id
	id=$(xl domid g 2>/dev/null) || { echo "no guest"; return; }
	ready g 20 || echo "the guest does not run: $(state g)"
	(($(xl list -v | wc -l) == 3)) || echo "other guests"
	settled >/dev/null 2>&1 || echo "not settled"
	[[ $(loops | wc -l) == 1 ]] || echo "loops: $(loops | xargs)"
	[[ $(backends | sed "s/ $id / N /" | xargs) == "vbd N 51728 qdisk N 51712 vif N 0" ]] || echo "backends: $(backends | xargs)"
	[[ -z $(stray) ]] || echo "processes: $(stray | xargs)"
	losetup /dev/loop7 >/dev/null 2>&1 || echo "the stranger's loop is gone"
}

not_clean_down() { # with nothing wanted
	(($(xl list -v | wc -l) == 2)) || echo "guests: $(state g)"
	[[ -z $(loops) ]] || echo "loops: $(loops | xargs)"
	[[ -z $(backends) ]] || echo "backends: $(backends | xargs)"
	[[ -z $(xenstore-list /libxl 2>/dev/null) ]] || echo "libxl: $(xenstore-list /libxl | xargs)"
	[[ -z $(xenstore-list /tool/xensteer/default 2>/dev/null) ]] || echo "a mark"
	find "$state/domains" "$state/volumes" /run/xensteer/cfg -mindepth 1 2>/dev/null
	find /var/lib/xen -name 'userdata-*' ! -name 'userdata-d.0.*'
	[[ -z $(stray) ]] || echo "processes: $(stray | xargs)"
	losetup /dev/loop7 >/dev/null 2>&1 || echo "the stranger's loop is gone"
}

killed_xensteer() { # MS: apply, killed after that time
	xensteer apply --config "$settings" "$manifests" >/tmp/attacked 2>&1 &
	local pid=$!
	sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
	kill -9 $pid 2>/dev/null
	right_after >/tmp/right-after
	wait $pid
} 2>/dev/null

killed_xl() { # SUBCOMMAND MS group|alone: apply, its xl killed so long after it began; alone: the scripts it runs go on
	xensteer apply --config "$settings" "$manifests" >/tmp/attacked 2>&1 &
	local pid=$! xl=
	while [[ -d /proc/$pid && -z $xl ]]; do
		xl=$(pgrep -P $pid -f "xl $1 ") || sleep 0.02
	done
	sleep "$(($2 / 1000)).$(printf %03d $(($2 % 1000)))"
	[[ $3 == alone ]] || xl=${xl:+-$xl}
	[[ -z $xl ]] || kill -9 -- "$xl" 2>/dev/null
	right_after >/tmp/right-after
	wait $pid
} 2>/dev/null

follow() { # WHAT MS up|down: the next apply, and its row; counts in `bad`
	local begun status=0 wrong
	begun=$(milliseconds)
	steer apply >/tmp/next 2>&1 || status=$?
	local taken=$(($(milliseconds) - begun))
	wrong=$("not_clean_$3" | tr '\n' ';')
	# shellcheck disable=SC2059
	printf "$row" "$1" "$2" "$(cat /tmp/right-after)" "$status" "$((taken / 1000)).$((taken / 100 % 10))" "${wrong:-clean}"
	if ((status != 0)) || [[ -n $wrong ]]; then
		bad=$((${bad:-0} + 1))
		sed 's/^/    # killed: /' /tmp/attacked | tail -n 12
		sed 's/^/    # next: /' /tmp/next | tail -n 12
	fi
	moments=$((${moments:-0} + 1))
}

measure() { # how long both take undisturbed, at best of three: $create_ms, $remove_ms
	local begun times create_ms_at=() remove_ms_at=()
	for ((times = 0; times < 3; times++)); do
		guest_wanted
		begun=$(milliseconds)
		steer apply >/tmp/next 2>&1 || { cat /tmp/next; return 1; }
		create_ms_at+=($(($(milliseconds) - begun)))
		ready g
		guest_unwanted
		begun=$(milliseconds)
		steer apply >/tmp/next 2>&1 || { cat /tmp/next; return 1; }
		remove_ms_at+=($(($(milliseconds) - begun)))
	done
	create_ms=$(printf '%s\n' "${create_ms_at[@]}" | sort -n | head -n 1)
	remove_ms=$(printf '%s\n' "${remove_ms_at[@]}" | sort -n | head -n 1)
	echo "# undisturbed: apply that creates ${create_ms_at[*]} ms, apply that removes ${remove_ms_at[*]} ms"
}

in_part() { # I: is this moment among those of this machine?
	(($1 % ${ATTACK_PARTS:-1} == ${ATTACK_PART:-0}))
}

attack_xensteer() { # N: at N moments of a creation, and at N of a removal
	local i
	for ((i = 0; i < $1; i++)); do
		in_part "$i" || continue
		guest_wanted
		killed_xensteer $((create_ms * (2 * i + 1) / (2 * $1)))
		follow "xensteer create" $((create_ms * (2 * i + 1) / (2 * $1))) up
		guest_unwanted
		killed_xensteer $((remove_ms * (2 * i + 1) / (2 * $1)))
		follow "xensteer remove" $((remove_ms * (2 * i + 1) / (2 * $1))) down
	done
}

attack_xl() { # N: xl itself, at N/2 moments of each subcommand, of which these are about the longest
	local i half=$((($1 + 1) / 2)) create=$((create_ms * 2 / 3)) destroy=$((remove_ms / 3)) ways=(group alone)
	for ((i = 0; i < half; i++)); do
		in_part "$i" || continue
		local way=${ways[i % 2]}
		guest_wanted
		killed_xl create $((create * (2 * i + 1) / (2 * half))) "$way"
		follow "xl create $way" $((create * (2 * i + 1) / (2 * half))) up
		guest_unwanted
		killed_xl destroy $((destroy * (2 * i + 1) / (2 * half))) "$way"
		follow "xl destroy $way" $((destroy * (2 * i + 1) / (2 * half))) down
	done
}
