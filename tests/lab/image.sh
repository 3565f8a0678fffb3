# The dom0 image and the checkpoint of the booted host, made from Debian's packages and kept under $home/RECIPE: xen,
# vmlinux, initrd.img, dom0.img, ready.qcow2. Read by lab. The recipe is a hash of all that goes in: change any of it
# and the next start builds anew; what was there before can be removed by hand.
# shellcheck shell=bash disable=SC2154
# (here, home, lab_* are set by lab and machine.sh)

packages=(
	# the host
	systemd-sysv udev kmod iproute2 bridge-utils procps psmisc util-linux busybox-static linux-image-amd64
	xen-hypervisor-4.17-amd64 xen-utils-4.17 xen-utils-common xenstore-utils qemu-system-xen
	# what xensteer links against and runs
	libyaml-0-2 libcjson1 libnettle8 libblkid1 libxenstore4 libinotifytools0 libmicrohttpd12
	qemu-utils nbd-client nbd-server xorriso e2fsprogs xfsprogs fdisk lvm2
	# what scenarios look with
	jq strace python3-minimal
)
# in the initramfs of dom0, in that of the guest
boot_modules=(virtio_pci virtio_blk ext4 crc32c_generic)
guest_modules=(crc32c_generic ext4 isofs xen-privcmd xen-evtchn xenfs xen-blkfront xen-netfront)

image_recipe() {
	{
		echo "${packages[*]} $lab_cpu $lab_smp $lab_mem"
		cd "$here" && cat image.sh machine.sh kernel-unpack boot-init dom0-init dom0-agent dom0-share guest-init warm-up
	} | sha256sum | cut -c1-12
}

image_needs() { # PACKAGE...: install what is missing
	local package missing=()
	for package in "$@"; do
		dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
	done
	((${#missing[@]})) || return 0
	apt-get update -q >/dev/null
	apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

image_modules() { # TREE INTO MODULE...: the modules and what they need, and a list in the order of loading
	local tree=$1 into=$2 version name file
	shift 2
	version=$(ls "$tree/usr/lib/modules")
	mkdir -p "$into"
	for name in "$@"; do
		modprobe -d "$tree/usr" -S "$version" --show-depends "$name" 2>/dev/null
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
		cp "$file" "$into/"
		echo "${file##*/}" >>"$into/order"
	done
}

image_pack() { # TREE FILE: as an initramfs
	(cd "$1" && find . | cpio -o -H newc 2>/dev/null | gzip -9) >"$2"
}

image_initrd() { # DOM0 WORK: just enough to mount the root
	local tree=$2/initrd
	mkdir -p "$tree"/{bin,dev,proc,sys,mnt}
	cp "$1/bin/busybox" "$tree/bin/"
	cp "$here/boot-init" "$tree/init"
	image_modules "$1" "$tree/lib/modules" "${boot_modules[@]}"
	image_pack "$tree" "$2/initrd.img"
	rm -r "$tree"
}

image_guest() { # DOM0 WORK: /guest of dom0: vmlinux, guest.img (an initramfs), base.qcow2 (a disk to make overlays on)
	local tree=$2/guest name
	mkdir -p "$tree"/{bin,dev,proc,sys,mnt,tmp,lib64,lib/x86_64-linux-gnu} "$1/guest"
	cp "$1/bin/busybox" "$tree/bin/"
	cp "$here/guest-init" "$tree/init"
	image_modules "$1" "$tree/lib/modules" "${guest_modules[@]}"
	cp -L "$1/usr/bin/xenstore" "$tree/bin/"
	for name in read write ls chmod watch rm exists list; do
		ln -s xenstore "$tree/bin/xenstore-$name"
	done
	for name in libxenstore.so.4 libxentoolcore.so.1 libc.so.6; do
		cp -L "$1/usr/lib/x86_64-linux-gnu/$name" "$tree/lib/x86_64-linux-gnu/"
	done
	cp -L "$1/lib64/ld-linux-x86-64.so.2" "$tree/lib64/"
	image_pack "$tree" "$1/guest/guest.img"
	cp "$2/vmlinux" "$1/guest/"
	rm -r "$tree"

	mkdir -p "$2/base/etc"
	echo 'base image' >"$2/base/etc/motd"
	mke2fs -q -F -t ext4 -E root_owner=0:0 -d "$2/base" "$2/base.raw" 64M >/dev/null
	qemu-img convert -f raw -O qcow2 "$2/base.raw" "$1/guest/base.qcow2"
	rm -r "$2/base" "$2/base.raw"
}

image_slim() { # DOM0: what a host under test never opens
	local share=$1/usr/share drivers
	rm -rf "${1:?}"/boot/* "$1"/var/cache/apt "$1"/var/lib/apt "$share"/{zoneinfo,icons,bash-completion,lintian,info}
	for drivers in "$1"/usr/lib/modules/*/kernel/drivers; do
		rm -rf "$drivers"/../sound "${drivers:?}"/{gpu,media,infiniband,staging,iio,usb,input} \
			"$drivers"/net/{ethernet,wireless,usb}
	done
	depmod -b "$1/usr" "$(ls "$1/usr/lib/modules")"
}

image_packages() { # prints a tar file of the installed packages; kept, because it takes the most time and changes least
	local tar name exclude=()
	tar=$home/packages-$(sha256sum <<<"${packages[*]}" | cut -c1-12).tar
	for name in doc man locale; do
		exclude+=("--dpkgopt=path-exclude=/usr/share/$name/*")
	done
	if [[ ! -s $tar ]]; then
		mmdebstrap --variant=minbase --include="${packages[*]}" "${exclude[@]}" bookworm "$tar.part.tar" \
			>"$home/mmdebstrap.log" 2>&1 || die "mmdebstrap failed: $(tail -n 5 "$home/mmdebstrap.log")"
		mv "$tar.part.tar" "$tar"
	fi
	echo "$tar"
}

image_dom0() { # WORK: everything but the checkpoint
	local work=$1 dom0=$1/dom0
	mkdir -p "$dom0"
	tar -xf "$(image_packages)" -C "$dom0"
	gunzip -c "$dom0/boot/xen-4.17-amd64.gz" >"$work/xen"
	python3 "$here/kernel-unpack" "$dom0"/boot/vmlinuz-* "$work/vmlinux"
	image_initrd "$dom0" "$work"
	image_guest "$dom0" "$work"
	image_slim "$dom0"
	mkdir -p "$dom0/lab" "$dom0/src"
	install -m 755 -T "$here/dom0-init" "$dom0/lab/init"
	install -m 755 -T "$here/dom0-agent" "$dom0/lab/agent"
	install -m 755 -T "$here/dom0-share" "$dom0/lab/share"
	install -m 755 -T "$here/warm-up" "$dom0/lab/warm-up"
	ln -s /src/xensteer "$dom0/usr/local/bin/xensteer"
	mke2fs -q -F -t ext4 -d "$dom0" -L dom0 "$work/dom0.img" 3G >/dev/null
	rm -rf "$dom0"
}

image_checkpoint() { # WORK: boot, let one guest live and die so that what it needs is in memory, save
	local warm=$1/warm
	mkdir -p "$warm/share"
	qemu-img create -q -f qcow2 -b "$1/dom0.img" -F raw "$warm/disk"
	machine_start "$warm" "$1"
	machine_says "$warm" 'LAB: ready' 120
	machine_type "$warm" "/lab/warm-up && echo WARM-O''K" WARM-OK 120 ||
		die "no guest ran: $(tail -c 400 "$warm/console")"
	machine_monitor "$warm" 'savevm ready' || die "no checkpoint could be saved"
	machine_monitor "$warm" quit
	while kill -0 "$(cat "$warm/pid" 2>/dev/null)" 2>/dev/null; do sleep 0.1; done
	mv "$warm/disk" "$1/ready.qcow2"
	rm -r "$warm"
}

image_build() { # prints the image's folder
	local image work
	image=$home/$(image_recipe)
	mkdir -p "$home"
	(
		# two starts at once: one builds, the other waits
		flock 9
		[[ ! -s $image/ready.qcow2 ]] || exit 0
		image_needs qemu-system-x86 qemu-utils mmdebstrap e2fsprogs cpio kmod python3 >&2
		work=$image.work
		rm -rf "$work"
		mkdir "$work"
		image_dom0 "$work" >&2
		image_checkpoint "$work" >&2
		# the name of the backing file is replaced in each machine's copy; until then it names the final place
		qemu-img rebase -u -b "$image/dom0.img" -F raw "$work/ready.qcow2"
		rm -rf "$image"
		mv "$work" "$image"
	) 9>"$home/lock" || exit 1
	echo "$image"
}
