#include "host/xen/cfg.h"
#include "host/xen/xl_describe.h"
#include "model/quantity.h"
#include "recorded.h"
#include <stdlib.h>

/* A domain as WANT gives it, with every part of its own so that a test can spoil one. */
struct bed {
	struct arena *arena;
	struct DomainSpec spec;
	struct Boot boot;
	struct Scheduler scheduler;
	struct Vnc vnc;
	struct Graphics graphics;
	struct Disk disk;
	struct Nic nic;
	struct wanted_volume volume;
	struct wanted_disk wanted_disk;
	struct wanted_domain domain;
	struct links links;
};

static struct bed *bed_new(struct arena *arena)
{
	struct bed *bed = arena_make(arena, struct bed);
	bed->arena = arena;
	bed->boot = (struct Boot){
		.kernel = "/guest/vmlinux", .ramdisk = "/guest/guest.img", .cmdline = "console=hvc0 quiet"};
	bed->spec = (struct DomainSpec){
		.type = domain_type_pv, .memory = 128 * MiB, .vcpus = 1, .boot = &bed->boot};
	bed->disk = (struct Disk){.vdev = "xvda", .access = access_rw, .device = device_disk};
	bed->nic = (struct Nic){.name = "eth0", .mac = "00:16:3e:00:00:77", .bridge = "xenbr0"};
	strcpy(bed->volume.uid, "21111111-2222-4333-8444-555555555555");
	bed->wanted_disk = (struct wanted_disk){.disk = &bed->disk, .volume = &bed->volume};
	bed->domain = (struct wanted_domain){.name = "web", .xen_name = "web", .spec = &bed->spec};
	strcpy(bed->domain.uid, "11111111-2222-4333-8444-555555555555");
	list_add(arena, &bed->domain.disks, &bed->wanted_disk);
	list_add(arena, &bed->spec.nics, &bed->nic);
	bed->links.arena = arena;
	struct link link = {.path = "/var/rec/web.qcow2", .format = disk_format_qcow2};
	links_set(&bed->links, bed->volume.uid, &link);
	return bed;
}

static const char *rendered(struct bed *bed)
{
	BUFFER_SCOPED text = {0};
	char *error = NULL;
	cr_assert(cfg_render(&text, &bed->domain, &bed->links, &error), "%s", error);
	cr_assert_null(error);
	return arena_text(bed->arena, buffer_string(&text));
}

static void refused(struct bed *bed, const char *words)
{
	BUFFER_SCOPED text = {0};
	char *error = NULL;
	cr_expect(!cfg_render(&text, &bed->domain, &bed->links, &error), "%s", words);
	cr_assert_not_null(error);
	cr_expect_not_null(strstr(error, words), "'%s' lacks '%s'", error, words);
	free(error);
}

static void has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);
	cr_expect(at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n', "no line %s in\n%s", line,
		text);
}

Test(xen_cfg, a_guest_in_full)
{
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	cr_expect_str_eq(rendered(bed),
		"name=\"web\"\n"
		"uuid=\"11111111-2222-4333-8444-555555555555\"\n"
		"type=\"pv\"\n"
		"vcpus=1\n"
		"maxvcpus=1\n"
		"memory=128\n"
		"maxmem=128\n"
		"kernel=\"/guest/vmlinux\"\n"
		"ramdisk=\"/guest/guest.img\"\n"
		"cmdline=\"console=hvc0 quiet\"\n"
		"disk=[\"format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/var/rec/web.qcow2\"]\n"
		"vif=[\"mac=00:16:3e:00:00:77,bridge=xenbr0\"]\n"
		"on_poweroff=\"preserve\"\n"
		"on_reboot=\"restart\"\n"
		"on_crash=\"preserve\"\n"
		"on_watchdog=\"preserve\"\n");
	cr_expect_str_eq(rendered(bed), rendered(bed));
}

Test(xen_cfg, what_is_set_is_written)
{
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	struct Events events = {.crash = event_action_coredump_restart};
	struct link raw = {.path = "/dev/vg/data", .format = disk_format_raw, .block = true};
	events.at[Events_crash] = &mark_observed;
	bed->spec.events = &events;
	bed->spec.maxMemory = 256 * MiB;
	bed->spec.at[DomainSpec_maxMemory] = &mark_observed;
	bed->spec.maxVcpus = 4;
	bed->spec.at[DomainSpec_maxVcpus] = &mark_observed;
	bed->spec.cpus = "0-1";
	bed->scheduler.cap = 50;
	bed->scheduler.at[Scheduler_cap] = &mark_observed;
	bed->spec.scheduler = &bed->scheduler;
	bed->vnc = (struct Vnc){.port = 5910};
	bed->graphics.vnc = &bed->vnc;
	bed->spec.graphics = &bed->graphics;
	bed->nic.ip = "10.0.0.7/24";
	bed->disk.access = access_ro;
	links_set(&bed->links, bed->volume.uid, &raw);
	const char *text = rendered(bed);
	has_line(text, "maxvcpus=4");
	has_line(text, "maxmem=256");
	has_line(text, "cpus=\"0-1\"");
	has_line(text, "cap=50");
	cr_expect_null(strstr(text, "cpu_weight"));
	has_line(text, "vfb=[\"type=vnc,vnclisten=127.0.0.1,vncdisplay=10,vncunused=0\"]");
	has_line(text, "vif=[\"mac=00:16:3e:00:00:77,bridge=xenbr0,ip=10.0.0.7/24\"]");
	has_line(text, "disk=[\"format=raw,vdev=xvda,access=ro,target=/dev/vg/data\"]");
	has_line(text, "on_crash=\"coredump-restart\"");
	bed->spec.type = domain_type_hvm;
	text = rendered(bed);
	has_line(text, "vncdisplay=10");
	has_line(text, "vnclisten=\"127.0.0.1\"");
	cr_expect_null(strstr(text, "vfb="));
}

Test(xen_cfg, a_command_line_cannot_add_a_key)
{
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	bed->boot.cmdline = "a\"\nkernel=\"/etc/shadow\" \\\" \\";
	const char *text = rendered(bed);
	has_line(text, "cmdline=\"a\\\"\\nkernel=\\\"/etc/shadow\\\" \\\\\\\" \\\\\"");
	unsigned lines = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	cr_expect_eq(lines, 16);
	bed->boot.cmdline = "a\rb";
	refused(bed, "cmdline holds a control character");
	bed->boot.cmdline = "a\xff";
	refused(bed, "cmdline is not UTF-8");
}

/* xl has no escape in these lists: a comma would begin another key, a quote another string. */
Test(xen_cfg, comma_lists_take_only_what_is_listed)
{
	static const char *const paths[] = {
		"/a,script=/tmp/x", "/a\"]\nkernel=\"/x", "/a b", "relative", "", "/a:b", "/a'b"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		ARENA_SCOPED arena = arena_new();
		struct bed *bed = bed_new(arena);
		struct link link = {.path = paths[i], .format = disk_format_raw};
		links_set(&bed->links, bed->volume.uid, &link);
		refused(bed, strcmp(paths[i], "relative") ? "holds a character" : "not absolute");
	}
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	bed->nic.bridge = "br0,script=/tmp/x";
	refused(bed, "bridge");
	bed->nic.bridge = "br0";
	bed->nic.mac = "00:16:3e:00:00:77,script=x";
	refused(bed, "mac");
	bed->nic.mac = NULL;
	refused(bed, "mac");
	bed->nic.mac = "00:16:3e:00:00:77";
	bed->nic.ip = "10.0.0.1\",\"bridge=b";
	refused(bed, "ip");
	bed->nic.ip = NULL;
	bed->disk.vdev = "xvda,backendtype=phy";
	refused(bed, "vdev");
}

Test(xen_cfg, a_disk_needs_its_volume)
{
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	bed->links.count = 0;
	refused(bed, "its volume is not there");
	struct links stand_in = cfg_links(arena, &bed->domain, &bed->links);
	struct Layer overlay = {.overlay = arena_make(arena, struct OverlayLayer)};
	cr_expect_eq(links_find(&stand_in, bed->volume.uid)->format, disk_format_raw);
	list_add(arena, &bed->volume.chain, &overlay);
	stand_in = cfg_links(arena, &bed->domain, NULL);
	cr_expect_eq(links_find(&stand_in, bed->volume.uid)->format, disk_format_qcow2);
}

Test(xen_cfg, keys_that_are_passed_on)
{
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	const char *words[] = {"a", "b\"c"};
	struct pair pairs[] = {
		{"nestedhvm", {.kind = VALUE_BOOL, .number = 1}, NULL},
		{"rtc_timeoffset", {.kind = VALUE_INT, .number = -3600}, NULL},
		{"serial", {.kind = VALUE_TEXT, .text = "pty\"x"}, NULL},
		{"usbdevice", {.kind = VALUE_TEXTS, .texts = {words, 2}}, NULL},
	};
	bed->spec.xl = (struct map){pairs, 4};
	const char *text = rendered(bed);
	has_line(text, "nestedhvm=1");
	has_line(text, "rtc_timeoffset=\"-3600\"");
	has_line(text, "serial=\"pty\\\"x\"");
	has_line(text, "usbdevice=[\"a\",\"b\\\"c\"]");
	pairs[0].key = "disk";
	refused(bed, "spec.xl.disk: xensteer writes this key itself");
	pairs[0].key = "x=1\ndisk";
	refused(bed, "key of spec.xl");
}

Test(xen_cfg, sizes_that_contradict)
{
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	bed->spec.maxMemory = 64 * MiB;
	bed->spec.at[DomainSpec_maxMemory] = &mark_observed;
	refused(bed, "maxMemory is less than memory");
	bed->spec.maxMemory = 128 * MiB;
	bed->spec.memory = 128 * MiB - 1;
	refused(bed, "whole number of MiB");
}

static const char *difference(struct bed *bed)
{
	size_t size;
	struct described described;
	const char *error, *text = recorded(bed->arena, "dry-run-web.json", &size);
	cr_assert(xl_describe_dry_run(bed->arena, text, size, &described, &error));
	return cfg_difference(bed->arena, &bed->domain, &bed->links, &described);
}

Test(xen_cfg, what_xl_understood_is_what_was_meant)
{
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	cr_expect_null(difference(bed), "%s", difference(bed));
}

static void differs(struct bed *bed, const char *words)
{
	const char *found = difference(bed);
	cr_expect(found && strstr(found, words), "'%s' lacks '%s'", found ? found : "nothing", words);
}

Test(xen_cfg, every_other_understanding_is_named)
{
	ARENA_SCOPED arena = arena_new();
	struct bed *bed = bed_new(arena);
	struct link raw = {.path = "/var/rec/web.qcow2", .format = disk_format_raw};

	bed->nic.mac = "00:16:3e:00:00:78";
	differs(bed, "eth0: wanted 00:16:3e:00:00:78, xl understood 00:16:3e:00:00:77");
	bed->nic.mac = "00:16:3E:00:00:77";
	cr_expect_null(difference(bed));
	bed->disk.access = access_ro;
	differs(bed, "xvda: wanted ro, xl understood rw");
	bed->disk.access = access_rw;
	links_set(&bed->links, bed->volume.uid, &raw);
	differs(bed, "xvda: wanted raw, xl understood qcow2");
	bed->domain.disks.count = 0;
	differs(bed, "number of disks");
	bed->boot.cmdline = "quiet";
	differs(bed, "boot.cmdline");
	bed->spec.cpus = "0";
	differs(bed, "cpus: wanted 0, xl understood all");
	bed->spec.vcpus = 2;
	differs(bed, "vcpus: wanted 2, xl understood 1");
	bed->spec.memory = 64 * MiB;
	differs(bed, "memory");
	bed->spec.type = domain_type_pvh;
	differs(bed, "type: wanted pvh, xl understood pv");
	bed->domain.uid[0] = '2';
	differs(bed, "uuid");
	bed->domain.xen_name = "other";
	differs(bed, "name: wanted other, xl understood web");
}
