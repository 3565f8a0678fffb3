# The other two ways to run a guest: pvh with limits on its cpus, and hvm with a screen and an emulated disk. Both come up,
# are as wanted at the second look, and go. PVH boots to its word; hvm has nothing to boot here, its firmware runs.
# emulated-svm: tried once more if it fails
# shellcheck shell=bash disable=SC2016,SC2154

host_settings
cat <<'Y' | want p.yaml
apiVersion: xensteer/v1
kind: Domain
metadata: {name: p}
spec:
  type: pvh
  memory: 160MiB
  maxMemory: 256MiB
  vcpus: 1
  maxVcpus: 2
  cpus: "0-1"
  scheduler: {weight: 512, cap: 80}
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}
  disks: [{vdev: xvda, volume: {reclaim: Delete, chain: [{file: {size: 16MiB}}]}}]
  nics: [{bridge: xenbr0, mac: "00:16:3E:AA:00:01"}]
  xl: {nomigrate: true}
  shutdown: {timeout: 10s, escalate: destroy}
Y
ok "a pvh guest" steer apply
ok "it says that it is up" ready p 60
ok "its share of the cpus is as wanted" bash -c 'xl sched-credit2 | grep -qE "^p +[0-9]+ +512 +80"'
ok "the second plan is empty" settled
sed -i 's/memory: 160MiB/memory: 192MiB/' "$manifests/p.yaml"
ok "memory grows up to maxMemory, live" steer apply
ok "its target is 192 MiB" same 196608 "$(xenstore-read "/local/domain/$(xl domid p)/memory/target")"
sed -i 's/^  vcpus: 1/  vcpus: 2/' "$manifests/p.yaml"
ok "so do vcpus up to maxVcpus" steer apply
ok "the second one is asked for" same online "$(xenstore-read "/local/domain/$(xl domid p)/cpu/1/availability")"
ok "the second plan is empty" settled

cat <<'Y' | want h.yaml
apiVersion: xensteer/v1
kind: Domain
metadata: {name: h}
spec:
  type: hvm
  memory: 128MiB
  disks: [{vdev: hda, volume: {reclaim: Delete, chain: [{file: {size: 16MiB, format: qcow2}}]}}]
  graphics: {vnc: {port: 5910}}
  shutdown: {timeout: 3s, escalate: destroy}
Y
ok "an hvm guest" steer apply
ok "it runs" xl domid h
ok "the second plan is empty" settled
cat <<'Y' | want bad.yaml
apiVersion: xensteer/v1
kind: Domain
metadata: {name: bad}
spec:
  type: hvm
  memory: 64MiB
  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img}
Y
told() {
	local said
	said=$(steer apply --only Domain/bad --timeout 5s 2>&1)
	grep -qF 'QEMU: qemu: linux kernel too old to load a ram disk' <<<"$said" || { echo "$said"; return 1; }
}
ok "a device model that does not start: QEMU's own words are told" told
unwant bad.yaml h.yaml
ok "removed, the hvm guest is destroyed: it obeys nobody" steer apply
ok "it is gone" gone h
rm -f /var/lib/xensteer/default/deletions.json # an hour later
printf 'apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: any}\nspec: {path: /guest/base.qcow2, format: qcow2}\n' | want any.yaml
unwant p.yaml
ok "removed, the pvh guest goes" steer apply
ok "nothing is left" within 10 leftovers
ok "no disk is left" same "" "$(ls /var/lib/xensteer/default/volumes)"
plan
