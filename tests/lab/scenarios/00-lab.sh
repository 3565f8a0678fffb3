# The lab itself, with plain xl: this is a Xen host, and a guest on an overlay boots, reads its disk, answers, and goes
# without leaving anything behind. If this fails, no other scenario says anything about xensteer.
# shellcheck shell=bash disable=SC2016

ok "this is a Xen host" same 4.17 "$(xl info | awk -F ' *: ' '/^xen_version/ { print $2 }' | cut -d. -f1-2)"
ok "nothing runs at first" leftovers
ok "the program's libraries are here" bash -c 'libraries=$(ldd /src/xensteer) && ! grep "not found" <<<"$libraries"'

base=$(sha256sum </guest/base.qcow2)
overlay /var/web.qcow2
mk web pv 128 "'format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/var/web.qcow2'" "'mac=00:16:3e:00:00:01,bridge=xenbr0'"
ok "a guest is created" xl create -e /tmp/web.cfg
ok "it says that it is up" ready web
ok "it reads its disk" same "base image" "$(guest web 'cat /mnt/etc/motd')"
ok "it writes its disk" guest web 'echo written >/mnt/etc/motd && sync'
ok "a failing command is seen to fail" fails 1 guest web 'grep nothing /mnt/etc/motd'
ok "its console is kept" grep -q 'GUEST: up, .* web, disk /dev/xvda, read-write' /var/log/xen/console/guest-web.log
ok "its vif is on the bridge" test -e "/sys/class/net/xenbr0/brif/vif$(xl domid web).0"

ok "it takes a shutdown request" xl shutdown web
ok "it stops by itself" within 20 bash -c 'xl list -v web | grep -q -- "---s-- .* 0 "'
ok "its words say so" same "---s-- 0" "$(state web)"
ok "it is destroyed" xl destroy web
ok "it is gone" gone web
ok "nothing is left" within 10 leftovers

mk web pv 128 "'format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/var/web.qcow2'"
ok "a guest is created on the same overlay" xl create -e /tmp/web.cfg
ok "it is up again" ready web
ok "what it wrote is there" same "written" "$(guest web 'cat /mnt/etc/motd')"
ok "the base image is as it was" same "$base" "$(sha256sum </guest/base.qcow2)"
ok "it is destroyed while it runs" xl destroy web
ok "nothing is left then" within 10 leftovers
plan
