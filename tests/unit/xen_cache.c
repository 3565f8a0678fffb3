/* What is asked of xl again, and what is not: a script stands in for xl and tells what it was asked, a real
 * xenstored holds what changes. */
#include "host/host.h"
#include "host/xen/loops.h"
#include "model/have.h"
#include "model/want.h"
#include "xenstored/xenstored.h"
#include <errno.h>

#define WEB "11111111-2222-4333-8444-555555555555"
#define DB "21111111-2222-4333-8444-555555555555"
#define HEAD "Name   ID   Mem VCPUs\tState\tTime(s)   UUID   Reason-Code\tSecurity Label\n"
#define DOM0 "Domain-0  0  1024  2  r-----  63.2 00000000-0000-0000-0000-000000000000  -  -\n"
#define LINE(name, id, memory, uuid) name "  " id "  " memory "  1  -b----  9.5 " uuid "  -  -\n"
#define JSON(name, id, uuid)                                                                                 \
	"{\"domid\": " id ", \"config\": {\"c_info\": {\"type\": \"pv\", \"name\": \"" name                  \
	"\", \"uuid\": \"" uuid "\"}, \"b_info\": {\"target_memkb\": 131072}}}"

static struct xenstored daemon_;
static struct runner *runner;
static struct host *host;
static struct report *report;
static struct HostSpec spec;
/* as a host where no manifest asks for more than all hosts are asked for */
static const struct want nothing;

static void put(const char *path, const char *text)
{
	cr_assert(xs_write(daemon_.other, XBT_NULL, path, text, (unsigned)strlen(text)), "%s: %s", path,
		strerror(errno));
}

static void domain(const char *id, const char *name)
{
	ARENA_SCOPED arena = arena_new();
	put(arena_format(arena, "/local/domain/%s/name", id), name);
	put(arena_format(arena, "/local/domain/%s/memory/target", id), "131072");
	put(arena_format(arena, "/local/domain/%s/cpu/0/availability", id), "online");
	put(arena_format(arena, "/libxl/%s/device/vbd/51712/backend", id),
		arena_format(arena, "/local/domain/0/backend/vbd/%s/51712", id));
	put(arena_format(arena, "/local/domain/0/backend/vbd/%s/51712/state", id), "4");
}

static void enter(void)
{
	ARENA_SCOPED arena = arena_new();
	xenstored_enter(&daemon_, XENSTORED_C);
	xenstored_start(&daemon_);
	scratch_write("xl", "#!/bin/sh\necho \"$*\" >>calls\ncase \"$1 $2\" in\n'list -v') cat list;;\n"
			    "'list -l') cat json$3;;\ninfo*) echo 'nr_cpus : 2'; cat free;;\nesac\n");
	cr_assert_eq(chmod("xl", 0755), 0);
	scratch_write("free", "free_memory : 100\n");
	setenv("PATH", arena_format(arena, "%s:%s", scratch, getenv("PATH")), 1);
	runner = runner_new();
	report = report_new();
	struct host_options options = {.owner = "default",
		.run_dir = scratch,
		.state_dir = scratch,
		.spec = &spec,
		.runner = runner};
	host = host_xen.open(&options, report);
	scratch_write("list", HEAD DOM0 LINE("web", "5", "128", WEB) LINE("db", "6", "128", DB));
	scratch_write("json", "[" JSON("web", "5", WEB) "," JSON("db", "6", DB) "]\n");
	scratch_write("json5", "[" JSON("web", "5", WEB) "]\n");
	scratch_write("json6", "[" JSON("db", "6", DB) "]\n");
	domain("5", "web");
	domain("6", "db");
}

static void leave(void)
{
	host_xen.close(host);
	runner_free(runner);
	report_free(report);
	xenstored_leave(&daemon_);
}

TestSuite(xen_cache, .init = enter, .fini = leave, .timeout = 60);

/* Observes; the calls of xl that it made, one a line. Both domains are known whole. */
static const char *calls(struct arena *arena)
{
	HAVE_SCOPED have = have_new();
	scratch_write("calls", "");
	host_xen.observe(host, &nothing, have);
	cr_assert(have->known, "%s", have->why_unknown);
	cr_expect_eq(have->found->domains.count, 2);
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		const struct HaveDomain *found = have->found->domains.item[i];
		cr_assert(KNOWN(found, HaveDomain, spec), "%s", found->uuid);
		cr_expect_eq(found->spec->memory, 128 << 20);
		cr_expect_str_eq(found->spec->domainName, found->name);
	}
	return file_read(arena, "calls", 4096, NULL);
}

Test(xen_cache, of_a_quiet_host_only_the_list_is_asked)
{
	ARENA_SCOPED arena = arena_new();
	cr_expect_str_eq(calls(arena), "list -v\nlist -l\ninfo\nvcpu-list\n");
	cr_expect_str_eq(calls(arena), "list -v\n");
	put("/local/domain/5/data/ready", "1");
	put("/local/domain/5/device/vbd/51712/state", "3");
	cr_expect_str_eq(calls(arena), "list -v\n", "what a guest writes is no reason");
}

Test(xen_cache, what_changed_is_asked_alone)
{
	static const char *const changed[] = {"/local/domain/5/memory/target",
		"/local/domain/5/cpu/0/availability", "/local/domain/5/cpu/1/availability",
		"/local/domain/0/backend/vbd/5/51712/state", "/libxl/5/device/vif/0/backend",
		"/libxl/5/device/vbd/51712/backend", "/local/domain/5/name"};
	ARENA_SCOPED arena = arena_new();
	(void)calls(arena);
	for (size_t i = 0; i < sizeof(changed) / sizeof(*changed); i++) {
		put(changed[i], "0");
		cr_expect_str_eq(calls(arena), "list -v\nlist -l 5\n", "%s", changed[i]);
		cr_expect_str_eq(calls(arena), "list -v\n", "%s", changed[i]);
	}
}

Test(xen_cache, several_are_asked_together)
{
	ARENA_SCOPED arena = arena_new();
	(void)calls(arena);
	put("/local/domain/5/memory/target", "65536");
	put("/local/domain/6/memory/target", "65536");
	cr_expect_str_eq(calls(arena), "list -v\nlist -l\n");
}

Test(xen_cache, an_action_makes_it_forget_its_domain)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = {.id = 7, .verb = verb_domain_unpause, .object = "Domain/web", .uid = WEB};
	struct finished done = {.arena = arena};
	(void)calls(arena);
	host_xen.begin(host, &action, NULL);
	cr_assert(host_xen.reap(host, host_xen.now(host) + 20000, &done));
	cr_expect_str_eq(calls(arena), "list -v\nlist -l 5\ninfo\nvcpu-list\n");
}

Test(xen_cache, a_domid_that_was_given_out_again_is_another_domain)
{
	ARENA_SCOPED arena = arena_new();
	(void)calls(arena);
	scratch_write("list", HEAD DOM0 LINE("db", "5", "128", DB) LINE("web", "6", "128", WEB));
	scratch_write("json", "[" JSON("db", "5", DB) "," JSON("web", "6", WEB) "]\n");
	cr_expect_str_eq(calls(arena), "list -v\nlist -l\n");
}

Test(xen_cache, free_memory_is_asked_when_a_domain_changed_its_size)
{
	ARENA_SCOPED arena = arena_new();
	(void)calls(arena);
	scratch_write("free", "free_memory : 164\n");
	scratch_write("list", HEAD DOM0 LINE("web", "5", "64", WEB) LINE("db", "6", "128", DB));
	cr_expect_str_eq(calls(arena), "list -v\nlist -l 5\ninfo\nvcpu-list\n");
}

/* left out with exit 0: there, but nobody knows what it is; it is asked for each time */
Test(xen_cache, who_is_not_described_is_asked_for_again)
{
	ARENA_SCOPED arena = arena_new();
	scratch_write("json", "[" JSON("db", "6", DB) "]\n");
	scratch_write("json5", "[]\n");
	for (int i = 0; i < 2; i++) {
		HAVE_SCOPED have = have_new();
		scratch_write("calls", "");
		host_xen.observe(host, &nothing, have);
		cr_expect(!KNOWN(have_domain(have, WEB), HaveDomain, spec));
		cr_expect(KNOWN(have_domain(have, DB), HaveDomain, spec));
		cr_expect_str_eq(file_read(arena, "calls", 4096, NULL),
			i ? "list -v\nlist -l 5\n" : "list -v\nlist -l\ninfo\nvcpu-list\n");
	}
}

Test(xen_cache, without_xenstore_nothing_is_believed_unchanged)
{
	ARENA_SCOPED arena = arena_new();
	(void)calls(arena);
	xenstored_kill(&daemon_);
	cr_expect_str_eq(calls(arena), "list -v\nlist -l\n");
	cr_expect_str_eq(calls(arena), "list -v\nlist -l\n");
}

/* oxenstored ends a connection that asks for a list over 4096 bytes */
Test(xen_cache, where_a_list_is_too_long_nothing_is_kept)
{
	ARENA_SCOPED arena = arena_new();
	xenstored_kill(&daemon_);
	daemon_.kind = XENSTORED_OCAML;
	xenstored_start(&daemon_);
	domain("5", "web");
	domain("6", "db");
	(void)calls(arena);
	cr_expect_str_eq(calls(arena), "list -v\n");
	for (int i = 0; i < 150; i++)
		put(arena_format(arena, "/local/domain/5/cpu/%0100d/availability", i), "offline");
	cr_expect_str_eq(calls(arena), "list -v\nlist -l 5\n");
	cr_expect_str_eq(calls(arena), "list -v\nlist -l 5\n");
}

/* held by a guest that has its memory: xl cannot describe it, and would be asked for ever */
Test(xen_cache, a_zombie_is_not_asked_for)
{
	ARENA_SCOPED arena = arena_new();
	(void)calls(arena);
	scratch_write(
		"list", HEAD DOM0 LINE("web", "5", "128", WEB) "(null)  6  0  1  --p--d  9.5 " DB "  -  -\n");
	scratch_write("calls", "");
	HAVE_SCOPED have = have_new();
	host_xen.observe(host, &nothing, have);
	const struct HaveDomain *zombie = have_domain(have, DB);
	cr_assert_not_null(zombie);
	cr_expect_eq(zombie->power, found_power_Dying);
	cr_expect(!KNOWN(zombie, HaveDomain, name));
	cr_expect(!KNOWN(zombie, HaveDomain, spec));
	cr_expect(KNOWN(have_domain(have, WEB), HaveDomain, spec));
	cr_expect_str_eq(file_read(arena, "calls", 4096, NULL), "list -v\ninfo\nvcpu-list\n");
}

/* An xl with the cfg of a domain that is not listed: the guest may come at any moment. */
Test(xen_cache, a_guest_that_is_being_made_is_not_absent)
{
	ARENA_SCOPED arena = arena_new();
	const char *cfg = arena_format(arena, "%s/cfg/31111111-2222-4333-8444-555555555555.cfg", scratch);
	const char *other =
		arena_format(arena, "%s/elsewhere/41111111-2222-4333-8444-555555555555.cfg", scratch);
	pid_t pids[2];
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		cr_assert_geq(pids[i], 0);
		if (!pids[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			execl("/bin/sh", "xl", "-c", "while :; do sleep 1; done", "create", i ? other : cfg,
				(char *)NULL);
			_exit(127);
		}
	}
	HAVE_SCOPED have = have_new();
	const struct HaveDomain *coming = NULL;
	for (int tries = 0; !coming && tries < 100; tries++) {
		host_xen.observe(host, &nothing, have);
		coming = have_domain(have, "31111111-2222-4333-8444-555555555555");
	}
	cr_assert_not_null(coming);
	cr_expect(!KNOWN(coming, HaveDomain, power));
	cr_expect(!KNOWN(coming, HaveDomain, halfBuilt));
	cr_expect(!KNOWN(coming, HaveDomain, domid));
	cr_expect_null(have_domain(have, "41111111-2222-4333-8444-555555555555"), "not made by us");
	for (int i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

/* A removal that was killed after its domain was gone: the mark and the configuration are all that is left.
 */
Test(xen_cache, what_is_kept_of_a_domain_is_forgotten)
{
	ARENA_SCOPED arena = arena_new();
	struct store *store = store_new();
	cr_assert(store_set_mark(store, "default", WEB, "{}"));
	cr_assert(store_set_mark(store, "default", DB, "{}"));
	cr_assert(file_folders("cfg", 0700));
	scratch_write("cfg/" WEB ".cfg", "");
	scratch_write("cfg/" DB ".cfg", "");
	cr_expect(host_xen.forget(host, WEB));
	cr_expect_null(store_mark(store, arena, "default", WEB));
	cr_expect_not_null(store_mark(store, arena, "default", DB));
	cr_expect_not(scratch_has("cfg/" WEB ".cfg"));
	cr_expect(scratch_has("cfg/" DB ".cfg"));
	cr_expect(host_xen.forget(host, WEB), "nothing is left of it");
	xenstored_kill(&daemon_);
	cr_expect_not(host_xen.forget(host, DB), "without xenstore the mark stays");
	cr_expect(scratch_has("cfg/" DB ".cfg"));
	store_free(store);
}

/* Loop devices. */

static struct loop_device *loop_of(const struct list *loops, int64_t number)
{
	for (uint32_t i = 0; i < loops->count; i++) {
		struct loop_device *loop = loops->item[i];
		if (loop->number == number)
			return loop;
	}
	return NULL;
}

static void loop_make(struct arena *arena, int number, const char *file)
{
	cr_assert(file_folders(arena_format(arena, "root/sys/block/loop%d/loop", number), 0700));
	if (file)
		scratch_write(arena_format(arena, "root/sys/block/loop%d/loop/backing_file", number),
			arena_format(arena, "%s\n", file));
}

Test(xen_cache, loops_of_ours_are_told_from_others)
{
	ARENA_SCOPED arena = arena_new();
	struct list loops = {0}, files = {0};
	loop_make(arena, 0, "/state/volumes/u/0-file.raw");
	loop_make(arena, 1, "/state/volumes/v/0-file.raw (deleted)");
	loop_make(arena, 2, "/state/volumes-of-another/0-file.raw");
	loop_make(arena, 3, "/srv/disk.raw");
	loop_make(arena, 4, "/srv/disk.raw.old");
	loop_make(arena, 5, NULL);
	loops_read(arena, arena_format(arena, "%s/root", scratch), &loops);
	cr_expect_eq(loops.count, 5, "one has no file");
	cr_expect_str_eq(loop_of(&loops, 1)->file, "/state/volumes/v/0-file.raw");
	list_add(arena, &files, (void *)(uintptr_t) "/srv/disk.raw");
	loops_keep(&loops, "/state/volumes", &files);
	cr_expect_eq(loops.count, 3);
	cr_expect(loop_of(&loops, 0) && loop_of(&loops, 1) && loop_of(&loops, 3));
	loops_keep(&loops, NULL, NULL);
	cr_expect_eq(loops.count, 0, "without a place nothing is ours");
}

Test(xen_cache, loops_that_serve_a_domain_are_spared)
{
	ARENA_SCOPED arena = arena_new();
	struct store *store = store_new();
	struct list loops = {0}, domids = {0};
	int64_t five = 5, six = 6;
	list_add(arena, &domids, &five);
	list_add(arena, &domids, &six);
	for (int i = 0; i < 3; i++)
		loop_make(arena, i, "/state/volumes/u/0-file.raw");
	put("/local/domain/0/backend/vbd/5/51712/node", "/dev/loop1");
	put("/local/domain/0/backend/vbd/6/51728/node", "/dev/loop2");
	put("/local/domain/0/backend/vbd/9/51728/node", "/dev/loop0");
	loops_read(arena, arena_format(arena, "%s/root", scratch), &loops);
	loops_spare(&loops, store, arena, &domids);
	cr_expect_eq(loops.count, 1);
	cr_expect_not_null(loop_of(&loops, 0), "domain 9 is none of the living");
	xenstored_kill(&daemon_);
	loops_spare(&loops, store, arena, &domids);
	cr_expect_eq(loops.count, 0, "without xenstore nobody can tell");
	store_free(store);
}

Test(xen_cache, files_of_a_domain_are_those_of_its_backends)
{
	ARENA_SCOPED arena = arena_new();
	struct store *store = store_new();
	struct list files = {0};
	const char *path = arena_format(arena, "%s/disk.raw", scratch);
	scratch_write("disk.raw", "");
	put("/local/domain/0/backend/vbd/5/51712/params", path);
	put("/local/domain/0/backend/vbd/5/51728/params", "aio:relative");
	put("/local/domain/0/backend/vbd/5/51744/params", "/nonexistent/disk.raw");
	loops_files(store, arena, 5, &files);
	cr_assert_eq(files.count, 1);
	cr_expect_str_eq(files.item[0], path);
	store_free(store);
}

static void process_make(
	struct arena *arena, int pid, const char *cmdline, size_t size, const char *environment)
{
	const char *folder = arena_format(arena, "root/proc/%d", pid);
	cr_assert(file_folders(folder, 0700));
	cr_assert(file_write(arena_format(arena, "%s/cmdline", folder), cmdline, size, 0600));
	scratch_write(arena_format(arena, "%s/environ", folder), environment);
}

Test(xen_cache, scripts_of_xen_are_found_by_their_domain)
{
	static const char block[] = "/bin/bash\0/etc/xen/scripts/block\0add",
			  vif[] = "/etc/xen/scripts/vif-bridge\0online",
			  editor[] = "vi\0-R\0/etc/xen/scripts/block";
	ARENA_SCOPED arena = arena_new();
	const char *root = arena_format(arena, "%s/root", scratch);
	process_make(arena, 20, editor, sizeof(editor), "");
	cr_expect_eq(hotplug_runs(root, -1), 0);
	process_make(arena, 21, block, sizeof(block), "A=b");
	cr_expect_eq(hotplug_runs(root, -1), 21);
	cr_expect_eq(hotplug_runs(root, 5), 0);
	process_make(arena, 22, vif, sizeof(vif), "XENBUS_PATH=backend/vif/5/0");
	cr_expect_eq(hotplug_runs(root, 5), 22);
	cr_expect_eq(hotplug_runs(root, 51), 0);
}

Test(xen_cache, a_scripts_environment_tells_its_domain)
{
	static const char whole[] = "PATH=/bin\0XENBUS_PATH=/local/domain/0/backend/vbd/12/51712\0script=x";
	static const char odd[] = "XENBUS_PATH=backend/vbd/12x/51712\0XENBUS_PATHS=backend/vbd/3/1";
	cr_expect_eq(hotplug_domid(whole, sizeof(whole)), 12);
	cr_expect_eq(hotplug_domid(odd, sizeof(odd)), -1);
	cr_expect_eq(hotplug_domid("", 1), -1);
}
