# A plan elsewhere is the plan here: what `plan` says on the host and what it says of the host's snapshot, without rights
# and without Xen, is the same JSON but for the driver's name.
# shellcheck shell=bash disable=SC2016,SC2154 # dom0.sh sets them; inner shells expand

host_settings
guest_manifest() { # NAME MEMORY
	cat <<Y
apiVersion: xensteer/v1
kind: Domain
metadata: {name: $1}
spec:
  memory: $2
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}
  disks:
    - {vdev: xvda, volume: {chain: [{file: {size: 8MiB}}]}}
  nics: [{bridge: xenbr0}, {name: back, bridge: xenbr0}]
Y
}
guest_manifest one 96MiB | want one.yaml
mk stranger pv 96
xl create -e /tmp/stranger.cfg
ok "a guest" steer apply
xensteer snapshot --config "$settings" >/tmp/host.json
ok "the snapshot is JSON" jq -e '.kind == "Observation"' /tmp/host.json
compare() { # WANTED-STATUS: both plans and their exit codes
	local here=0 there=0
	steer plan -o json --detailed-exitcode >/tmp/here.json || here=$?
	setpriv --reuid 65534 --regid 65534 --clear-groups \
		xensteer plan -o json --detailed-exitcode --config /tmp/host.yaml --host snapshot:/tmp/host.json "$manifests" >/tmp/there.json || there=$?
	same "$1" "$here" && same "$1" "$there" &&
		diff <(jq 'del(.host.driver)' /tmp/here.json) <(jq 'del(.host.driver)' /tmp/there.json)
}
chmod -R a+rX /root
cp "$settings" /tmp/host.yaml
ok "nothing to do: the same, exit 0" compare 0
guest_manifest one 112MiB | want one.yaml
guest_manifest two 96MiB | want two.yaml
ok "a change and a creation: the same, exit 2" compare 2
ok "the stranger is listed, and nothing more" bash -c "jq -e '.unmanaged == [\"Domain/stranger\"]' /tmp/there.json"
xl destroy one
xl destroy stranger
plan
