# A restless host: the daemon keeps four guests for RESTLESS seconds (600) while everything that can happen to them does, at
# random: a manifest dropped, edited, removed, half written, the whole tree swapped by its symlink; a guest destroyed,
# rebooted, powered off, crashed by hand, the daemon itself stopped and started. At the end the host is as wanted, and
# no guest that should have lived was away longer than its own restart takes. SEED repeats a run.
# shellcheck shell=bash disable=SC2154,SC2016 # dom0.sh sets them

seconds=${RESTLESS:-600} seed=${SEED:-$RANDOM}
RANDOM=$seed
echo "# seed $seed, $seconds s"
guests=(one two three four)
trees=/root/trees manifests=/root/current generation=0
host_settings "supervision: auto" "pruneDelay: 2s" "pollInterval: 20s" "deletions: {free: 1000}"

domain() { # NAME MEMORY
	cat <<Y
apiVersion: xensteer/v1
kind: Domain
metadata: {name: $1, labels: {edit: "e$RANDOM"}}
spec:
  memory: $2MiB
  maxMemory: 160MiB
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}
  nics: [{bridge: xenbr0}]
  shutdown: {timeout: 10s, escalate: destroy}
Y
}
tree() { # a new generation of the whole tree, with the guests of ${wanted[@]}, put in place by one rename
	generation=$((generation + 1))
	mkdir -p "$trees/$generation"
	local name
	for name in "${!wanted[@]}"; do domain "$name" "${wanted[$name]}" >"$trees/$generation/$name.yaml"; done
	echo "# a tree" >"$trees/$generation/about.yaml"
	ln -sfn "$trees/$generation" /root/.next
	mv -T /root/.next "$manifests"
	rm -rf "${trees:?}/$((generation - 2))"
}
declare -A wanted=()
for name in "${guests[@]}"; do wanted[$name]=128; done
tree

start_daemon() {
	xensteer run --config "$settings" "$manifests" 2>>/root/run.log &
	daemon=$!
}
as_wanted() {
	local name
	[[ $(xl list | tail -n +3 | wc -l) == "${#wanted[@]}" ]] || return 1
	for name in "${!wanted[@]}"; do [[ $(state "$name") =~ ^(r-----|-b----|------)\  ]] || return 1; done
}
start_daemon
ok "the guests come up" within 180 as_wanted
for name in "${guests[@]}"; do ready "$name" 30; done
ok "nothing is left to do" settled

# Who is there, once a second: "TIME NAME ..." of the guests that live; and what should be there, when it changes.
sample() {
	while sleep 1; do
		printf '%s %s\n' "$EPOCHREALTIME" "$(xl list -v | awk 'NR > 2 && $(NF - 4) ~ /^(r-----|-b----|------)$/ { printf "%s ", $1 }')"
	done >/root/alive.log
}
note() { printf '%s %s\n' "$EPOCHREALTIME" "$*" >>/root/events.log; }
sample &
sampler=$!

pick() { echo "${guests[RANDOM % ${#guests[@]}]}"; }
swaps=0
end=$((SECONDS + seconds))
while ((SECONDS < end)); do
	name=$(pick)
	case $((RANDOM % 11)) in
	0 | 1) # the tree is swapped as a whole, with other sizes
		wanted[$name]=$((128 + RANDOM % 3 * 16))
		tree
		swaps=$((swaps + 1))
		note "swap $name ${wanted[$name]:-}"
		;;
	2) # one is removed, later it comes back
		((${#wanted[@]} > 2)) || continue
		[[ -n ${wanted[$name]:-} ]] || continue
		note "unwanted $name"
		unset "wanted[$name]"
		rm -f "$manifests/$name.yaml"
		;;
	3 | 4) # all that are wanted again are dropped in
		for name in "${guests[@]}"; do
			[[ -z ${wanted[$name]:-} ]] || continue
			wanted[$name]=128
			domain "$name" 128 >"$manifests/.$name"
			mv "$manifests/.$name" "$manifests/$name.yaml"
			note "wanted $name"
		done
		;;
	5) # edited in place, first half of it, then the rest
		[[ -n ${wanted[$name]:-} ]] || continue
		domain "$name" "${wanted[$name]}" | head -c 60 >"$manifests/$name.yaml"
		note "half-written $name"
		sleep 1
		domain "$name" "${wanted[$name]}" >"$manifests/$name.yaml"
		note "whole $name"
		;;
	6) note "destroy $name" && xl destroy "$name" 2>/dev/null ;;
	7) note "reboot $name" && xl reboot "$name" 2>/dev/null ;;
	8) note "poweroff $name" && xl shutdown "$name" 2>/dev/null ;;
	9) note "crash $name" && xl sysrq "$name" c 2>/dev/null ;;
	10)
		note "daemon restarted"
		kill "$daemon"
		wait "$daemon"
		start_daemon
		;;
	esac >/dev/null
	sleep $((RANDOM % 6)).$((RANDOM % 10))
done
# what is missing from the count of swaps, and everything wanted again
for name in "${guests[@]}"; do
	[[ -n ${wanted[$name]:-} ]] || note "wanted $name"
	wanted[$name]=${wanted[$name]:-128}
done
while ((swaps < ${SWAPS:-50})); do
	tree
	swaps=$((swaps + 1))
	sleep 0.1
done
echo "# the tree was swapped $swaps times"
ok "at the end the host is as wanted" within 90 as_wanted
ok "and nothing is left to do" within 30 settled
sleep 1
kill "$sampler"

# The longest time that each guest was away while it was wanted (until "wanted" and from "unwanted" it need not be there), counted from
# the last blow, and beside
# it the longest that one making of it anew took, by the daemon's own log: check, destroy, configure, create.
awk '
FILENAME == ARGV[1] {
	events++
	time_of[events] = $1; kind[events] = $2; whom[events] = $3
	next
}
{
	while (at < events && time_of[at + 1] <= $1) {
		at++
		if (kind[at] == "unwanted") { off[whom[at]] = 1; last[whom[at]] = 0 }
		if (kind[at] == "wanted") { off[whom[at]] = 0; last[whom[at]] = time_of[at] }
		# who is hit again while it is away begins its restart anew, and all do that with the daemon
		if (kind[at] ~ /^(destroy|reboot|poweroff|crash)$/ && last[whom[at]]) last[whom[at]] = time_of[at]
		if (kind[at] == "daemon")
			for (name in names) if (last[name]) last[name] = time_of[at]
	}
	split("", here)
	for (i = 2; i <= NF; i++) here[$i] = 1
	for (name in names) {
		if (off[name]) continue
		if (here[name] || !last[name]) {
			if (last[name] && $1 - last[name] > longest[name]) longest[name] = $1 - last[name]
			last[name] = $1
		}
	}
}
BEGIN { names["one"] names["two"] names["three"] names["four"] }
END { for (name in names) print name, longest[name] }
' /root/events.log /root/alive.log >/root/away.log
awk -v slack="${SLACK:-5}" '
FNR == NR { away[$1] = $2; next }
$2 ~ /^domain\.(check|destroy|shutdown|configure|create)$/ && $5 == "done" {
	spent[$3] += $6
	if ($2 != "domain.create") next
	restarts[$3]++
	if (spent[$3] > longest[$3]) longest[$3] = spent[$3]
	spent[$3] = 0
}
END {
	for (name in away) {
		printf "# %s: made anew %d times, the longest %.1f s; away for %.1f s at most\n", name, restarts[name], longest[name], away[name]
		late += away[name] > longest[name] + slack
	}
	exit late > 0
}
' /root/away.log /root/run.log
ok "no guest was away longer than its own restart takes" same 0 $?
kill "$daemon"
wait "$daemon"
ok "SIGTERM ends the daemon with 0" same 0 $?
awk '{ print $2 }' /root/events.log | sort | uniq -c | sed 's/^/# events: /'
echo "# the daemon's log: $(grep -c 'domain.create .*done' /root/run.log) creates, $(grep -c failed /root/run.log) failures"
((${failed:-0} == 0)) || tail -n 60 /root/run.log | sed 's/^/# /'
cp /root/run.log /root/events.log /root/away.log /src/ 2>/dev/null
plan
