# Eight PV guests, each with a disk of its own (raw, through a loop device) and a vif, brought up by xensteer and by a bash loop of
# `xl create`, in one run on one machine: both make the disks, both end when all eight are up, which the guests say themselves.
# It prints both times and their ratio. GUESTS, ROUNDS.
# shellcheck shell=bash disable=SC2154 # dom0.sh sets them

guests=${GUESTS:-8} rounds=${ROUNDS:-2}
host_settings "deletions: {free: 1000}"
now() { printf '%s\n' "${EPOCHREALTIME/./}"; }
all_ready() {
	local i
	for ((i = 1; i <= guests; i++)); do is_ready "$1$i" || return 1; done
}
by_xensteer() {
	local i
	for ((i = 1; i <= guests; i++)); do
		cat <<Y | want "steered$i.yaml"
apiVersion: xensteer/v1
kind: Domain
metadata: {name: steered$i}
spec:
  memory: 128MiB
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}
  disks: [{vdev: xvda, volume: {reclaim: Delete, chain: [{file: {size: 64MiB, format: raw}}]}}]
  nics: [{bridge: xenbr0}]
  shutdown: {timeout: 5s, escalate: destroy}
Y
	done
	local began created
	began=$(now)
	steer apply -q >/dev/null || return
	created=$((($(now) - began) / 1000))
	within 60 all_ready steered || return
	echo "$created $((($(now) - began) / 1000))" >/tmp/steered.times
	settled || return
	echo "# all are gone" | want about.yaml
	rm -f "$manifests"/steered*.yaml
	steer apply -q >/dev/null 2>&1
	local digest
	digest=$(steer plan -o json | sed -n 's/.*"digest": "\(.*\)",/\1/p')
	steer apply -q --consent "$digest" >/dev/null 2>&1
	steer apply -q >/dev/null 2>&1
	[[ $(xl list | tail -n +3 | wc -l) == 0 ]]
}
by_loop() {
	local i began created
	for ((i = 1; i <= guests; i++)); do
		mk "looped$i" pv 128 "'format=raw,vdev=xvda,access=rw,target=/root/looped$i.img'" "'bridge=xenbr0'"
	done
	began=$(now)
	for ((i = 1; i <= guests; i++)); do
		truncate -s 64M "/root/looped$i.img"
		xl create -q "/tmp/looped$i.cfg" >/dev/null 2>&1 || return
	done
	created=$((($(now) - began) / 1000))
	within 60 all_ready looped || return
	echo "$created $((($(now) - began) / 1000))" >/tmp/looped.times
	for ((i = 1; i <= guests; i++)); do xl destroy "looped$i"; done
}

for ((round = 1; round <= rounds; round++)); do
	# whoever comes second finds the host's caches warm: they take turns in that
	if ((round % 2)); then order=(xensteer loop); else order=(loop xensteer); fi
	for who in "${order[@]}"; do
		ok "round $round: $guests guests by $who" "by_$who"
	done
	read -r steered steered_up </tmp/steered.times
	read -r looped looped_up </tmp/looped.times
	awk -v a="$steered" -v b="$looped" -v c="$steered_up" -v d="$looped_up" -v n="$guests" 'BEGIN {
		printf "# %d guests made: xensteer %.1f s, the loop %.1f s: %.2f times its time\n", n, a / 1000, b / 1000, a / b
		printf "# until all answer: xensteer %.1f s, the loop %.1f s: %.2f times its time\n", c / 1000, d / 1000, c / d
	}'
done
plan
