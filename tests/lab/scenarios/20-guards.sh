# No deletion on bad input, on a real Xen: manifests that vanish, break or empty destroy nothing; removed one by one, one
# goes and the cap stops the rest; consent that names the plan lets them go.
# shellcheck shell=bash disable=SC2016,SC2154 # dom0.sh sets them; inner shells expand

host_settings
small() { # NAME
	printf 'apiVersion: xensteer/v1\nkind: Domain\nmetadata: {name: %s}\nspec:\n  memory: 96MiB\n  boot: {kernel: /guest/vmlinux, ramdisk: /guest/guest.img, cmdline: console=hvc0 quiet}\n  shutdown: {timeout: 5s, escalate: destroy}\n' "$1"
}
for name in a-1 a-2 a-3; do small $name | want $name.yaml; done
ok "three guests" steer apply
all() { for name in a-1 a-2 a-3; do xl domid $name; done; }
before=$(all)
says() { # STATUS WORDS: apply ends so, and says so
	local said status=0
	said=$(steer apply 2>&1) || status=$?
	if ! same "$1" "$status" || ! grep -qF -- "$2" <<<"$said"; then
		echo "$said"
		return 1
	fi
}
untouched() { same "$before" "$(all)"; }

mkdir /root/aside
mv "$manifests"/*.yaml /root/aside/
ok "all manifests removed at once: stopped, exit 5" says 5 "there is no object left in"
ok "nothing was destroyed" untouched
mv /root/aside/*.yaml "$manifests"/
mv "$manifests" /root/renamed
ok "the folder renamed away: exit 1" says 1 "is not there"
ok "nothing was destroyed" untouched
mv /root/renamed "$manifests"
mv "$manifests"/a-1.yaml /root/aside/
echo 'kind: [' >"$manifests"/broken.yaml
ok "one file broken: nothing is pruned, exit 1" says 1 "not removed"
ok "nothing was destroyed" untouched
: >"$manifests"/broken.yaml
ok "one file of zero bytes: nothing is pruned, exit 1" says 1 "not removed"
ok "nothing was destroyed" untouched
rm "$manifests"/broken.yaml
ln -s /nowhere/at/all "$manifests"/z.yaml
ok "one file that cannot be read: nothing is pruned" says 1 "not removed"
ok "nothing was destroyed" untouched
rm "$manifests"/z.yaml
ok "removed one by one: the first goes" steer apply
ok "it is gone" gone a-1
mv "$manifests"/a-2.yaml /root/aside/
ok "the cap stops the second, exit 5" says 5 "the limit of removals in an hour is reached"
ok "it is there" xl domid a-2
digest=$(steer plan -o json 2>/dev/null | jq -r .digest)
ok "a consent to another plan does not help" fails 5 steer apply --consent sha256:0000000000000000000000000000000000000000000000000000000000000000
ok "it is there" xl domid a-2
ok "the consent that names this plan does" steer apply --consent "$digest"
ok "it is gone" gone a-2
ok "the third is untouched" same "$(sed -n 3p <<<"$before")" "$(xl domid a-3)"

# what dom0 has mounted is no guest's
cp /guest/base.qcow2 /guest/base.raw # any file: it is mounted below as a filesystem of its own
truncate -s 8M /guest/base.raw && mke2fs -q -F /guest/base.raw && mkdir -p /mnt/base && mount -o loop /guest/base.raw /mnt/base
printf 'apiVersion: xensteer/v1\nkind: Image\nmetadata: {name: raw}\nspec: {path: /guest/base.raw, format: raw}\n' | want image.yaml
{
	small b-1
	printf '  disks: [{vdev: xvda, volume: {chain: [{image: raw}, {overlay: {}}]}}]\n'
} | want b-1.yaml
held() { # WORDS
	local said
	said=$(steer plan --only Domain/b-1 2>&1)
	grep -qF -- "$1" <<<"$said" || { echo "$said"; return 1; }
}
ok "a base that dom0 has mounted is refused" held "is written by dom0 (mounted on /mnt/base)"
umount /mnt/base
ok "unmounted, it may be used" held "1 to create"
xl destroy a-3
plan
