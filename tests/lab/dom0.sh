# Functions for scripts that run in the lab's dom0; every script sent by `lab sh` finds them defined.
# shellcheck shell=bash

ok() { # DESCRIPTION COMMAND...: one check. It passes if the command does; if not, what it said is shown
	local description=$1 said
	shift
	checks=$((${checks:-0} + 1))
	if said=$("$@" 2>&1); then
		echo "ok $checks - $description"
	else
		failed=$((${failed:-0} + 1))
		echo "not ok $checks - $description"
		printf '%s\n' "command: $*" "$said" | sed 's/^/  # /'
	fi
}

plan() { # the last line of a scenario: how many checks there were; its status is whether all passed
	echo "1..${checks:-0}"
	((${checks:-0} > 0 && ${failed:-0} == 0))
}

within() { # SECONDS COMMAND...: run it until it succeeds
	local end=$((SECONDS + $1))
	shift
	while ((SECONDS < end)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	"$@"
}

same() { # EXPECTED ACTUAL
	[[ $1 == "$2" ]] || {
		printf 'expected: %s\nactual:   %s\n' "$1" "$2"
		return 1
	}
}

fails() { # STATUS COMMAND...: it ends with exactly this status
	local expected=$1 status=0
	shift
	"$@" || status=$?
	same "$expected" "$status"
}

manifests=/root/manifests
settings=/root/host.yaml

host_settings() { # LINE...: what the scenario's host allows; further lines of its spec as arguments
	printf 'apiVersion: xensteer/v1\nkind: Host\nspec:\n  policy: {files: [/guest], kernels: [/guest]}\n' >"$settings"
	local line
	for line in "$@"; do printf '  %s\n' "$line" >>"$settings"; done
}

steer() { # COMMAND [ARGUMENT...]: xensteer on this scenario's manifests
	local command=$1
	shift
	xensteer "$command" --config "$settings" "$@" "$manifests"
}

settled() { # the second plan is empty
	fails 0 steer plan --detailed-exitcode
}

uuid_of() { # NAME: as Xen has it
	xl list -v | awk -v name="$1" '$1 == name { print $(NF - 2) }'
}

want() { # FILE: the manifest on standard input becomes $manifests/FILE, all at once
	mkdir -p "$manifests"
	cat >"$manifests/.$1"
	mv "$manifests/.$1" "$manifests/$1"
}

unwant() { # FILE...: no longer
	(cd "$manifests" && rm -f -- "$@")
}

mk() { # NAME TYPE MEMORY [DISKS [VIFS [LINES]]]: /tmp/NAME.cfg for plain xl
	cat >"/tmp/$1.cfg" <<C
name="$1"
type="$2"
kernel="/guest/vmlinux"
ramdisk="/guest/guest.img"
extra="console=hvc0 quiet"
memory=${3:-128}
vcpus=1
disk=[ ${4:-} ]
vif=[ ${5:-} ]
${6:-}
C
}

overlay() { # FILE: a new qcow2 on the guests' base image
	qemu-img create -q -f qcow2 -b /guest/base.qcow2 -F qcow2 "$1"
}

is_ready() { # NAME: the guest said data/ready
	local id
	id=$(xl domid "$1" 2>/dev/null) && [[ $(xenstore-read "/local/domain/$id/data/ready" 2>/dev/null) == 1 ]]
}

ready() { # NAME [SECONDS]: wait for that
	within "${2:-30}" is_ready "$1"
}

state() { # NAME: "STATE REASON" as xl list -v has it, nothing if there is no such domain
	xl list -v | awk -v name="$1" '$1 == name { print $(NF - 4), $(NF - 1) }'
}

gone() { # NAME: no trace of it in the list
	! xl list -v | awk '{ print $1 }' | grep -qxF -- "$1"
}

guest() { # NAME COMMAND: run it in the guest; prints its output, returns its status (99: no answer in 10 s)
	local id answer end=$((SECONDS + 10))
	id=$(xl domid "$1") || return 99
	xenstore-rm "/local/domain/$id/data/out" 2>/dev/null
	# the number makes a repeated command another one
	xenstore-write "/local/domain/$id/data/cmd" "$2 #$RANDOM$RANDOM"
	while ((SECONDS < end)); do
		if answer=$(xenstore-read "/local/domain/$id/data/out" 2>/dev/null) && [[ -n $answer ]]; then
			[[ $answer =~ ^rc=([0-9]+)\ (.*)$ ]] || return 99
			[[ -z ${BASH_REMATCH[2]} ]] || printf '%s' "${BASH_REMATCH[2]}" | tr '|' '\n'
			return "${BASH_REMATCH[1]}"
		fi
		sleep 0.1
	done
	return 99
}

leftovers() { # what a host without guests must not have; prints it, succeeds if there is nothing
	local left device
	left=$(
		xl list -v | tail -n +3
		losetup -a
		for device in /sys/block/nbd*; do
			[[ $(cat "$device/size") == 0 ]] || echo "${device##*/} is bound"
		done
		xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -vE '/backend/[a-z]+ = ""$' | head -n 20
	)
	printf '%s' "$left"
	[[ -z $left ]]
}
