# kill -9 of xensteer at every step of bringing the historic chain up with its guest, and of taking it down: when the step
# begins, and when it has ended. The next apply finishes, and nothing is left that should not be. A row per moment.
# ATTACK_FROM, ATTACK_TO: only these steps. All of them: LAB_SECONDS=1800.
# shellcheck shell=bash disable=SC2154 # dom0.sh sets settings and manifests

# shellcheck source=tests/lab/attack/chain.sh
. /src/attack/chain.sh

killed_at() { # COUNT EVENT: apply, killed when so many actions have begun or are done; says which; 1: it ended before
	local count=0 line pid verb=
	mkfifo /tmp/lines
	xensteer apply -v --log-format json --config "$settings" "$manifests" >/dev/null 2>/tmp/lines &
	pid=$!
	while read -r line; do
		[[ $line == *"\"event\":\"$2\""* || $line == *"\"event\": \"$2\""* ]] || continue
		count=$((count + 1))
		((count == $1)) || continue
		kill -9 $pid
		verb=${line#*\"verb\"*\"}
		verb=${verb%%\"*}
		break
	done </tmp/lines
	wait $pid
	rm /tmp/lines
	echo "$verb" >/tmp/verb
	[[ -n $verb ]]
} 2>/dev/null

clean_up() { # the guest runs on the whole chain, once
	ready vm 30 || echo "the guest is not ready: $(state vm)"
	settled >/dev/null 2>&1 || echo "not settled"
	[[ $(bound | grep -c '^nbd') == 1 && $(bound | wc -l) == 2 ]] || echo "bound: $(bound | xargs)"
	(($(xl list -v | wc -l) == 3)) || echo "other guests"
}

clean_down() {
	[[ -z $(bound) ]] || echo "bound: $(bound | xargs)"
	[[ -z $(ls "$state/volumes" 2>/dev/null) ]] || echo "volumes: $(ls "$state/volumes")"
	(($(xl list -v | wc -l) == 2)) || echo "a guest: $(state vm)"
	no_backend || echo "a backend"
}

row='# %-5s %-6s %-18s %4s  %s\n'
# shellcheck disable=SC2059
printf "$row" way at step exit "what is not clean"
try() { # up|down COUNT begun|done
	local status=0 wrong
	killed_at "$2" "$3" || return
	steer apply >/tmp/next 2>&1 || status=$?
	wrong=$("clean_$1" | tr '\n' ';')
	# shellcheck disable=SC2059
	printf "$row" "$1" "$3" "$(cat /tmp/verb)" "$status" "${wrong:-clean}"
	moments=$((${moments:-0} + 1))
	((status == 0)) && [[ -z $wrong ]] && return
	bad=$((${bad:-0} + 1))
	tail -n 12 /tmp/next | sed 's/^/    # next: /'
}

for ((step = ${ATTACK_FROM:-1}; step <= ${ATTACK_TO:-20}; step++)); do
	before=${moments:-0}
	for event in begun 'done'; do
		guest_on vm "$historic"
		try up $step $event || steer apply -q >/dev/null 2>&1
		unwant vm.yaml
		rm -f "$state/deletions.json" # an hour later
		try down $step $event || steer apply -q >/dev/null 2>&1
		rm -f "$state/deletions.json"
	done
	((${moments:-0} > before)) || break
done
ok "${moments:-0} moments, and after each the next apply made it right" same 0 "${bad:-0}"
plan
