# A QEMU machine in a folder of its own: the sockets `serial` and `monitor`, `console` (what was said), `pid`, `disk`,
# `share`. Read by lab. A checkpoint loads only under the options that it was saved with, so this file is part of
# the image's recipe.
# shellcheck shell=bash disable=SC2154
# (here is set by lab)

# PV, PVH and HVM all run on this processor. With SMAP dom0 dies at once, MONITOR panics Xen, RDTSCP crashes PVH guests.
# Neither AVX nor XSAVE: QEMU 7.2 loses their registers when Xen switches between processes, so that strings compare
# unequal and programs crash at random (seen: six programs that compare texts, within seconds; none without AVX).
lab_cpu=${LAB_CPU:-EPYC,-smap,-smep,-monitor,-rdtscp,-avx,-avx2,-fma,-f16c,-xsave,-xsaveopt,-xsavec,-xgetbv1}
# dom0 has two vcpus, and with one processor it never boots
lab_smp=${LAB_SMP:-2}
lab_mem=${LAB_MEM:-4096}

machine_start() { # FOLDER IMAGE [QEMU-OPTION...]
	local folder=$1 image=$2
	shift 2
	local xen='console=com1 com1=115200,8n1 loglvl=warning guest_loglvl=warning dom0_mem=1024M dom0_max_vcpus=2 noreboot'
	local linux='console=hvc0 quiet net.ifnames=0'
	(
		# relative names: a socket's path is at most 107 bytes
		cd "$folder" || exit
		exec setsid qemu-system-x86_64 -machine q35 -accel tcg,thread=multi,tb-size=1024 \
			-cpu "$lab_cpu" -smp "$lab_smp" -m "$lab_mem" -display none -nic none -no-reboot -pidfile pid \
			-kernel "$image/xen" -append "$xen" -initrd "$image/vmlinux $linux,$image/initrd.img" \
			-drive file=disk,format=qcow2,if=none,id=disk,cache=unsafe -device virtio-blk-pci,drive=disk \
			-chardev socket,id=serial,path=serial,server=on,wait=off,logfile=console -serial chardev:serial \
			-monitor unix:monitor,server,nowait \
			-virtfs local,path=share,mount_tag=share,security_model=none,id=share "$@" \
			</dev/null >qemu.log 2>&1 &
	)
}

machine_says() { # FOLDER TEXT SECONDS: wait until the console has said it
	local tenths
	for ((tenths = 0; tenths < $3 * 10; tenths++)); do
		! grep -aqF "$2" "$1/console" 2>/dev/null || return 0
		sleep 0.1
	done
	die "no '$2' within $3 s; the console ends: $(tail -c 400 "$1/console" 2>/dev/null)"
}

machine_type() { # FOLDER LINE ANSWER SECONDS: type a line on the console, wait for the answer
	python3 "$here/socket-talk" type "$1/serial" "$2" "$3" "$4"
}

machine_monitor() { # FOLDER COMMAND: of QEMU's monitor
	python3 "$here/socket-talk" monitor "$1/monitor" "$2"
}
