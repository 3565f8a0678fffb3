/* Live changes, against a real xenstored and a script that stands in for xl: what is run, and that the end is
 * judged by what is seen after it. */
#include "host/host.h"
#include "host/xen/store.h"
#include "xenstored/xenstored.h"

#define U "11111111-2222-4333-8444-555555555555"
#define HEAD "Name   ID   Mem VCPUs\tState\tTime(s)   UUID   Reason-Code\tSecurity Label\n"
#define DOM0 "Domain-0  0  1024  2  r-----  63.2 00000000-0000-0000-0000-000000000000  -  -\n"
#define DOMAIN(name) HEAD DOM0 name "  5  128  1  -b----  9.5 " U "  -  -\n"
#define BACKEND "/local/domain/0/backend/"

static struct xenstored daemon_;
static struct runner *runner;
static struct host *host;
static struct report *report;
static struct HostSpec spec;

/* `xs put PATH VALUE`, `xs rm PATH`: what the real xl does to xenstore. */
static const char talk[] = "#!/usr/bin/python3\n"
			   "import os, socket, struct, sys\n"
			   "s = socket.socket(socket.AF_UNIX)\n"
			   "s.connect(os.environ['XENSTORED_RUNDIR'] + '/socket')\n"
			   "put = sys.argv[1] == 'put'\n"
			   "body = sys.argv[2].encode() + b'\\0' + (sys.argv[3].encode() if put else b'')\n"
			   "s.sendall(struct.pack('<IIII', 11 if put else 13, 0, 0, len(body)) + body)\n"
			   "s.recv(64)\n";

static void enter(void)
{
	ARENA_SCOPED arena = arena_new();
	xenstored_enter(&daemon_, XENSTORED_C);
	xenstored_start(&daemon_);
	scratch_write("xl",
		"#!/bin/sh\n[ \"$1 $2\" = 'list -v' ] && exec cat list\necho \"$*\" >>calls\n. ./on-$1\n");
	scratch_write("xs", talk);
	cr_assert_eq(chmod("xl", 0755) | chmod("xs", 0755), 0);
	scratch_write("calls", "");
	scratch_write("list", DOMAIN("web"));
	setenv("PATH", arena_format(arena, "%s:%s", scratch, getenv("PATH")), 1);
	runner = runner_new();
	report = report_new();
	struct host_options options = {
		.owner = "default", .run_dir = scratch, .spec = &spec, .runner = runner};
	host = host_xen.open(&options, report);
	cr_assert_not_null(host);
}

static void leave(void)
{
	host_xen.close(host);
	runner_free(runner);
	report_free(report);
	xenstored_leave(&daemon_);
}

TestSuite(xen_change, .init = enter, .fini = leave, .timeout = 60);

static struct action action_of(enum verb verb)
{
	return (struct action){.id = 7, .verb = verb, .object = "Domain/web", .uid = U};
}

static struct finished done_after(struct arena *arena, const struct action *action, const struct links *links)
{
	struct finished done = {.arena = arena};
	host_xen.begin(host, action, links);
	while (!host_xen.reap(host, host_xen.now(host) + 1000, &done))
		;
	return done;
}

static const char *calls(struct arena *arena)
{
	return file_read(arena, "calls", 4096, NULL);
}

static void put(const char *path, const char *text)
{
	cr_assert(xs_write(daemon_.other, XBT_NULL, path, text, (unsigned)strlen(text)), "%s", path);
}

/* Shell words that make a device as xl does. */
#define SHELL_PUT(path, value) "xs put " path " '" value "'\n"
#define SHELL_DISK(state, status)                                                                            \
	SHELL_PUT("/libxl/5/device/vbd/51728/dev", "xvdb")                                                   \
	SHELL_PUT("/libxl/5/device/vbd/51728/params", "/d.img")                                              \
	SHELL_PUT("/libxl/5/device/vbd/51728/mode", "w")                                                     \
	SHELL_PUT("/libxl/5/device/vbd/51728/backend", BACKEND "vbd/5/51728")                                \
	SHELL_PUT(BACKEND "vbd/5/51728/online", "1")                                                         \
	SHELL_PUT(BACKEND "vbd/5/51728/state", state)                                                        \
	SHELL_PUT(BACKEND "vbd/5/51728/hotplug-status", status)
#define SHELL_NIC(number, mac, bridge, state, status)                                                        \
	SHELL_PUT("/libxl/5/device/vif/" number "/mac", mac)                                                 \
	SHELL_PUT("/libxl/5/device/vif/" number "/bridge", bridge)                                           \
	SHELL_PUT("/libxl/5/device/vif/" number "/backend", BACKEND "vif/5/" number)                         \
	SHELL_PUT(BACKEND "vif/5/" number "/online", "1")                                                    \
	SHELL_PUT(BACKEND "vif/5/" number "/state", state)                                                   \
	SHELL_PUT(BACKEND "vif/5/" number "/hotplug-status", status)
#define SHELL_GONE(kind, number)                                                                             \
	"xs rm /libxl/5/device/" kind "/" number "\nxs rm " BACKEND kind "/5/" number "\n"

static void shell(const char *text)
{
	scratch_write("prepare", text);
	cr_assert_eq(system("sh ./prepare"), 0);
}

/* Disks. */

struct attachment {
	struct Disk disk;
	struct wanted_volume volume;
	struct links links;
	struct action action;
};

static void attachment_make(struct attachment *it, struct arena *arena, enum disk_format format)
{
	struct link link = {.path = "/d.img", .format = format};
	*it = (struct attachment){.disk = {.vdev = "xvdb"},
		.volume = {.uid = "21111111-2222-4333-8444-555555555555"},
		.links = {.arena = arena},
		.action = action_of(verb_disk_attach)};
	it->disk.at[Disk_vdev] = &mark_observed;
	links_set(&it->links, it->volume.uid, &link);
	it->action.disk = &it->disk;
	it->action.disk_volume = &it->volume;
}

Test(xen_change, a_disk_is_attached_whatever_xl_says)
{
	ARENA_SCOPED arena = arena_new();
	struct attachment it;
	attachment_make(&it, arena, disk_format_raw);
	scratch_write("on-block-attach", SHELL_DISK("2", "connected") "exit 1\n");
	struct finished done = done_after(arena, &it.action, &it.links);
	cr_expect_eq(done.outcome, OUTCOME_DONE, "%s", done.message);
	cr_expect_str_eq(calls(arena), "block-attach 5 format=raw,vdev=xvdb,access=rw,target=/d.img\n");
	done = done_after(arena, &it.action, &it.links);
	cr_expect_eq(done.outcome, OUTCOME_DONE);
	cr_expect_eq(strlen(calls(arena)),
		strlen("block-attach 5 format=raw,vdev=xvdb,access=rw,target=/d.img\n"),
		"what is there is not attached again");
}

Test(xen_change, a_disk_attached_by_halves_is_taken_away_again)
{
	ARENA_SCOPED arena = arena_new();
	struct attachment it;
	attachment_make(&it, arena, disk_format_raw);
	scratch_write(
		"on-block-attach", SHELL_DISK("2", "error") "echo 'script: no loop device' >&2\nexit 1\n");
	scratch_write("on-block-detach", SHELL_GONE("vbd", "51728"));
	struct finished done = done_after(arena, &it.action, &it.links);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "script: no loop device"), "%s", done.message);
	cr_expect_not_null(strstr(calls(arena), "\nblock-detach --force 5 xvdb\n"), "%s", calls(arena));
}

Test(xen_change, what_is_left_of_a_disk_is_taken_away_first)
{
	ARENA_SCOPED arena = arena_new();
	struct attachment it;
	attachment_make(&it, arena, disk_format_raw);
	shell(SHELL_DISK("5", "connected") SHELL_PUT(BACKEND "vbd/5/51728/online", "0"));
	scratch_write("on-block-detach", SHELL_GONE("vbd", "51728"));
	scratch_write("on-block-attach", SHELL_DISK("2", "connected"));
	struct finished done = done_after(arena, &it.action, &it.links);
	cr_expect_eq(done.outcome, OUTCOME_DONE, "%s", done.message);
	cr_expect(
		text_starts(calls(arena), "block-detach --force 5 xvdb\nblock-attach "), "%s", calls(arena));
}

Test(xen_change, another_disk_in_its_place_is_left_alone)
{
	ARENA_SCOPED arena = arena_new();
	struct attachment it;
	attachment_make(&it, arena, disk_format_raw);
	shell(SHELL_DISK("4", "connected") SHELL_PUT("/libxl/5/device/vbd/51728/params", "/other.img"));
	struct finished done = done_after(arena, &it.action, &it.links);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "/other.img"), "%s", done.message);
	cr_expect_str_eq(calls(arena), "");
}

Test(xen_change, a_qcow2_without_a_qemu_is_not_even_tried)
{
	ARENA_SCOPED arena = arena_new();
	struct attachment it;
	attachment_make(&it, arena, disk_format_qcow2);
	struct finished done = done_after(arena, &it.action, &it.links);
	cr_expect_eq(done.outcome, OUTCOME_TERMINAL);
	cr_expect_not_null(strstr(done.message, "no QEMU"), "%s", done.message);
	cr_expect_str_eq(calls(arena), "");
}

Test(xen_change, a_guest_that_does_not_let_go_is_not_asked_twice)
{
	ARENA_SCOPED arena = arena_new();
	struct Disk disk = {.vdev = "xvdb"};
	struct action action = action_of(verb_disk_detach);
	action.disk = &disk;
	disk.at[Disk_vdev] = &mark_observed;
	shell(SHELL_DISK("4", "connected"));
	scratch_write("on-block-detach",
		"[ \"$2\" = --force ] && {\n" SHELL_GONE("vbd", "51728") "exit 1; }\n" SHELL_PUT(
			BACKEND "vbd/5/51728/online", "0")
			SHELL_PUT(BACKEND "vbd/5/51728/state", "5") "exit 1\n");
	struct finished done = done_after(arena, &action, NULL);
	cr_expect_eq(done.outcome, OUTCOME_DONE, "%s", done.message);
	cr_expect_str_eq(calls(arena), "block-detach 5 xvdb\nblock-detach --force 5 xvdb\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_str_eq(calls(arena), "block-detach 5 xvdb\nblock-detach --force 5 xvdb\n");
}

Test(xen_change, a_disk_that_stays_is_told)
{
	ARENA_SCOPED arena = arena_new();
	struct Disk disk = {.vdev = "xvdb"};
	struct action action = action_of(verb_disk_detach);
	action.disk = &disk;
	shell(SHELL_DISK("4", "connected"));
	scratch_write("on-block-detach", "exit 0\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TRANSIENT);
}

Test(xen_change, devices_of_a_guest_that_is_gone_or_stopped_are_not_touched)
{
	ARENA_SCOPED arena = arena_new();
	struct Disk disk = {.vdev = "xvdb"};
	struct action action = action_of(verb_disk_detach);
	action.disk = &disk;
	scratch_write("list", HEAD DOM0 "web  5  128  1  ---s--  9.5 " U "  0  -\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TRANSIENT);
	scratch_write("list", HEAD DOM0);
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TRANSIENT);
	cr_expect_str_eq(calls(arena), "");
}

/* Nics. */

#define MAC "00:16:3e:00:00:01"

static struct Nic nic = {.name = "eth0", .mac = MAC, .bridge = "xenbr0"};

static struct action nic_action(enum verb verb)
{
	struct action action = action_of(verb);
	nic.at[Nic_name] = nic.at[Nic_mac] = nic.at[Nic_bridge] = &mark_observed;
	action.nic = &nic;
	return action;
}

Test(xen_change, a_nic_is_attached_once)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = nic_action(verb_nic_attach);
	nic.ip = "10.0.0.4";
	nic.at[Nic_ip] = &mark_observed;
	scratch_write("on-network-attach", SHELL_NIC("0", MAC, "xenbr0", "2", "connected"));
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_str_eq(calls(arena), "network-attach 5 mac=" MAC " bridge=xenbr0 ip=10.0.0.4\n");
}

Test(xen_change, a_nic_without_its_bridge_is_taken_away_again)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = nic_action(verb_nic_attach);
	shell(SHELL_NIC("0", "00:16:3e:00:00:09", "xenbr0", "4", "connected"));
	scratch_write("on-network-attach",
		SHELL_NIC("3", MAC, "xenbr0", "4",
			"error") "echo 'script: Could not find bridge device xenbr0' >&2\nexit 1\n");
	scratch_write("on-network-detach", SHELL_GONE("vif", "3"));
	struct finished done = done_after(arena, &action, NULL);
	cr_expect_eq(done.outcome, OUTCOME_TERMINAL);
	cr_expect_not_null(strstr(done.message, "Could not find bridge"), "%s", done.message);
	cr_expect_not_null(strstr(calls(arena), "\nnetwork-detach 5 3\n"), "%s", calls(arena));
}

Test(xen_change, an_address_that_is_on_another_bridge_is_not_attached_again)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = nic_action(verb_nic_attach);
	shell(SHELL_NIC("0", MAC, "xenbr9", "4", "connected"));
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TRANSIENT);
	cr_expect_str_eq(calls(arena), "");
}

Test(xen_change, of_two_nics_with_one_address_the_right_one_goes)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = nic_action(verb_nic_detach);
	KNOW(&nic, Nic, device, 1);
	shell(SHELL_NIC("0", MAC, "xenbr0", "4", "connected")
			SHELL_NIC("1", MAC, "xenbr0", "4", "connected"));
	scratch_write("on-network-detach", "xs rm /libxl/5/device/vif/$3\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_str_eq(calls(arena), "network-detach 5 1\n");
}

/* The rest. */

Test(xen_change, vcpus_are_judged_by_what_is_asked_of_the_guest)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_set_vcpus);
	action.number = 2;
	put("/local/domain/5/cpu/0/availability", "online");
	put("/local/domain/5/cpu/1/availability", "offline");
	scratch_write("on-vcpu-set", "exit 0\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TRANSIENT);
	scratch_write("on-vcpu-set", SHELL_PUT("/local/domain/5/cpu/1/availability", "online") "exit 1\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_str_eq(calls(arena), "vcpu-set -i 5 2\nvcpu-set -i 5 2\n");
}

Test(xen_change, a_renamed_domain_is_found_by_its_uuid)
{
	ARENA_SCOPED arena = arena_new();
	struct wanted_domain warm = {.name = "web", .xen_name = "warm", .uid = U};
	struct action action = action_of(verb_domain_rename);
	action.domain = &warm;
	struct DomainSpec wanted = {0};
	warm.spec = &wanted;
	scratch_write("on-rename", "exit 0\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TRANSIENT);
	scratch_write("on-rename", "printf '" DOMAIN("warm") "' >list\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_str_eq(calls(arena), "rename 5 warm\nrename 5 warm\n");
	scratch_write("list",
		DOMAIN("web") "warm  6  128  1  -b----  9.5 31111111-2222-4333-8444-555555555555  -  -\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TERMINAL);
}

Test(xen_change, only_what_differs_of_the_share_is_set)
{
	ARENA_SCOPED arena = arena_new();
	struct Scheduler share = {0};
	struct action action = action_of(verb_domain_set_scheduler);
	action.scheduler = &share;
	KNOW(&share, Scheduler, cap, 50);
	scratch_write("on-sched-credit2", "[ $# -gt 3 ] || echo 'web 5 256 50'\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect_str_eq(calls(arena), "sched-credit2 -d 5 -c 50\nsched-credit2 -d 5\n");
	KNOW(&share, Scheduler, weight, 512);
	struct finished done = done_after(arena, &action, NULL);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT, "xl said 0, and it is not so");
	cr_expect_not_null(strstr(calls(arena), "sched-credit2 -d 5 -w 512 -c 50\n"));
}

Test(xen_change, pinning_is_judged_by_the_table)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_set_cpus);
	action.cpus = "0";
	scratch_write("on-vcpu-pin", "exit 0\n");
	scratch_write("on-vcpu-list", "printf 'Name ID VCPU CPU State Time(s) Affinity (Hard / Soft)\\n"
				      "web 5 0 0 r-- 1.0 0 / all\\nweb 5 1 - --p 1.0 1 / all\\n'\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TRANSIENT, "one vcpu is not pinned");
	scratch_write("on-vcpu-list", "printf 'Name ID VCPU CPU State Time(s) Affinity (Hard / Soft)\\n"
				      "web 5 0 0 r-- 1.0 0 / all\\nweb 5 1 - --p 1.0 0 / all\\n'\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_DONE);
	cr_expect(text_starts(calls(arena), "vcpu-pin 5 all 0\nvcpu-list 5\n"), "%s", calls(arena));
	scratch_write("on-vcpu-pin", "echo 'vcpu hard affinity map is empty' >&2\nexit 1\n");
	cr_expect_eq(done_after(arena, &action, NULL).outcome, OUTCOME_TERMINAL);
}

/* What is wrong with a device, and what is the guest's own affair. */
Test(xen_change, faults_of_devices)
{
	static const struct {
		const char *online, *state, *status, *guest;
		enum fault fault;
	} cases[] = {
		{"1", "4", "connected", "4", fault_none},
		{"1", "2", "connected", "1", fault_none},
		{"1", "5", "connected", "5", fault_none},
		{"1", "6", "connected", "6", fault_none},
		{"1", "2", "error", "1", fault_hotplug},
		{"1", "2", "", "1", fault_hotplug},
		{"0", "5", "connected", "4", fault_half_detached},
		{"0", "4", "connected", "4", fault_half_detached},
		{"0", "5", "connected", "6", fault_let_go},
		{"0", "6", "connected", "6", fault_let_go},
	};
	struct store *store = store_new();
	shell(SHELL_DISK("4", "connected")
			SHELL_PUT("/libxl/5/device/vbd/51728/frontend", "/local/domain/5/device/vbd/51728"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ARENA_SCOPED arena = arena_new();
		put(BACKEND "vbd/5/51728/online", cases[i].online);
		put(BACKEND "vbd/5/51728/state", cases[i].state);
		put(BACKEND "vbd/5/51728/hotplug-status", cases[i].status);
		put("/local/domain/5/device/vbd/51728/state", cases[i].guest);
		struct list devices = store_devices(store, arena, 5, "vbd");
		cr_assert_eq(devices.count, 1);
		cr_expect_eq(((struct store_device *)devices.item[0])->fault, cases[i].fault, "case %zu", i);
	}
	ARENA_SCOPED arena = arena_new();
	cr_assert(xs_rm(daemon_.other, XBT_NULL, BACKEND "vbd/5/51728"));
	struct list devices = store_devices(store, arena, 5, "vbd");
	cr_expect_eq(((struct store_device *)devices.item[0])->fault, fault_let_go, "its backend is gone");
	put("/libxl/5/device/vbd/51728/backend", BACKEND "qdisk/5/51728");
	put(BACKEND "qdisk/5/51728/online", "1");
	put(BACKEND "qdisk/5/51728/state", "1");
	devices = store_devices(store, arena, 5, "vbd");
	cr_expect_eq(((struct store_device *)devices.item[0])->fault, fault_unserved);
	put(BACKEND "qdisk/5/51728/state", "2");
	devices = store_devices(store, arena, 5, "vbd");
	cr_expect_eq(((struct store_device *)devices.item[0])->fault, fault_none);
	store_free(store);
}
