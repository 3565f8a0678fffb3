/* The driver on a machine without Xen: a script stands in for xl, files for what it prints, and there is no
 * xenstored. */
#include "host/host.h"
#include "recorded.h"
#include "scratch.h"

#define U "11111111-2222-4333-8444-555555555555"
#define HEAD "Name   ID   Mem VCPUs\tState\tTime(s)   UUID   Reason-Code\tSecurity Label\n"
#define DOM0 "Domain-0  0  1024  2  r-----  63.2 00000000-0000-0000-0000-000000000000  -  -\n"
#define WEB(id, state, reason) "web  " id "  128  1  " state "  9.5 " U "  " reason "  -\n"

static struct runner *runner;
static struct host *host;
static struct report *report;
static struct HostSpec spec;

/* xl: says what it was asked, prints a file for lists, runs the file `on-VERB` for the rest. */
static void enter(void)
{
	ARENA_SCOPED arena = arena_new();
	const char *info = recorded(arena, "info.txt", NULL);
	scratch_enter();
	scratch_write("xl", "#!/bin/sh\necho \"$*\" >>calls\ncase \"$1 $2\" in\n'list -v') cat list;;\n"
			    "'list -l') cat json;;\ninfo*) cat info;;\n*) . ./on-$1;;\nesac\n");
	cr_assert_eq(chmod("xl", 0755), 0);
	scratch_write("info", info);
	scratch_write("json", "[]\n");
	scratch_write("calls", "");
	setenv("PATH", arena_format(arena, "%s:%s", scratch, getenv("PATH")), 1);
	setenv("XENSTORED_PATH", "/nonexistent/xenstored", 1);
	runner = runner_new();
	report = report_new();
	spec.memoryFloor = 32 << 20;
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
	scratch_leave();
}

TestSuite(xen_driver, .init = enter, .fini = leave, .timeout = 60);

static struct finished done_after(struct arena *arena, const struct action *action, int64_t limit)
{
	struct finished done = {.arena = arena};
	int64_t until = host_xen.now(host) + limit;
	host_xen.begin(host, action, NULL);
	while (!host_xen.reap(host, until, &done))
		cr_assert(host_xen.now(host) < until, "the action did not end");
	cr_expect_eq(done.id, action->id);
	return done;
}

static struct action action_of(enum verb verb)
{
	return (struct action){.id = 7, .verb = verb, .object = "Domain/web", .uid = U, .number = 2};
}

static const char *calls(struct arena *arena)
{
	return file_read(arena, "calls", 4096, NULL);
}

Test(xen_driver, observes_what_the_lists_say)
{
	HAVE_SCOPED have = have_new();
	scratch_write("list", HEAD DOM0 WEB("5", "-b----", "-"));
	host_xen.observe(host, NULL, have);
	cr_assert(have->known, "%s", have->why_unknown);
	const struct HaveDomain *web = have_domain(have, U);
	cr_assert_not_null(web);
	cr_expect_eq(web->domid, 5);
	cr_expect_eq(web->power, found_power_Running);
	cr_expect(!KNOWN(web, HaveDomain, deviceModel), "xenstore cannot be reached");
	cr_expect(!KNOWN(web, HaveDomain, spec), "not described: there, but not known what it is");
	cr_expect_str_eq(have->found->host->xen, "4.17.7");
	for (int i = 1; i < VERBS; i++)
		cr_expect(have_can(have, (enum verb)i), "%s", verb_table[i].verb);
}

Test(xen_driver, paused_without_description_is_half_built)
{
	HAVE_SCOPED have = have_new();
	scratch_write("list", HEAD DOM0 WEB("5", "--p---", "-"));
	host_xen.observe(host, NULL, have);
	const struct HaveDomain *web = have_domain(have, U);
	cr_assert_not_null(web);
	cr_expect(KNOWN(web, HaveDomain, halfBuilt) && web->halfBuilt);
}

Test(xen_driver, descriptions_that_failed_prove_nothing)
{
	HAVE_SCOPED have = have_new();
	scratch_write("list", HEAD DOM0 WEB("5", "--p---", "-"));
	scratch_write("json", "[{\"domid\": 5, \"config\"");
	host_xen.observe(host, NULL, have);
	cr_assert(have->known);
	cr_expect(!KNOWN(have_domain(have, U), HaveDomain, halfBuilt));
	cr_expect(!KNOWN(have_domain(have, U), HaveDomain, power));
}

Test(xen_driver, a_list_that_is_cut_off_is_no_list)
{
	HAVE_SCOPED have = have_new();
	scratch_write("list", HEAD DOM0 "web  5  128");
	host_xen.observe(host, NULL, have);
	cr_expect(!have->known);
	cr_expect_not_null(strstr(have->why_unknown, "no domain"));
	cr_expect_eq(have->found->domains.count, 0);
}

Test(xen_driver, without_xl_nothing_is_known)
{
	HAVE_SCOPED have = have_new();
	cr_assert_eq(remove("list"), -1);
	host_xen.observe(host, NULL, have);
	cr_expect(have->known == false);
	cr_expect_not_null(strstr(have->why_unknown, "xl list -v"));
}

/* exit 1, as when xl's monitor was faster: what counts is that it is gone */
Test(xen_driver, destroy_is_judged_by_what_is_seen)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_destroy);
	scratch_write("list", HEAD DOM0 WEB("5", "-b----", "-"));
	scratch_write(
		"on-destroy", "printf '" HEAD DOM0 "' >list\necho 'destroy failed (rc=-15)' >&2\nexit 1\n");
	struct finished done = done_after(arena, &action, 20000);
	cr_expect_eq(done.outcome, OUTCOME_DONE);
	cr_expect_not_null(strstr(calls(arena), "\ndestroy 5\n"));
	cr_expect_not_null(strstr(done.message, "mark"), "without xenstore the mark stays");
}

Test(xen_driver, destroy_that_changes_nothing_fails)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_destroy);
	scratch_write("list", HEAD DOM0 WEB("5", "-b----", "-"));
	scratch_write("on-destroy", "exit 0\n");
	struct finished done = done_after(arena, &action, 40000);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "domain 5 is still there"), "%s", done.message);
}

Test(xen_driver, destroy_of_what_is_gone_runs_nothing)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_destroy);
	scratch_write("list", HEAD DOM0);
	cr_expect_eq(done_after(arena, &action, 20000).outcome, OUTCOME_DONE);
	cr_expect_str_eq(calls(arena), "list -v\n");
}

Test(xen_driver, without_its_mark_a_domain_is_not_created)
{
	ARENA_SCOPED arena = arena_new();
	struct Record record = {.owner = "default"};
	struct action action = action_of(verb_domain_create);
	action.record = &record;
	scratch_write("list", HEAD DOM0);
	struct finished done = done_after(arena, &action, 20000);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "mark"), "%s", done.message);
	cr_expect_null(strstr(calls(arena), "create"));
}

Test(xen_driver, a_look_that_failed_once_is_repeated)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_destroy);
	scratch_write("xl", "#!/bin/sh\n[ -e failed ] && exec cat list\n>failed\nexit 127\n");
	scratch_write("list", HEAD DOM0);
	cr_expect_eq(done_after(arena, &action, 20000).outcome, OUTCOME_DONE);
	cr_assert_eq(remove("failed"), 0);
	cr_assert_eq(remove("list"), 0);
	struct finished done = done_after(arena, &action, 20000);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "xl list -v: exit 1"), "%s", done.message);
}

Test(xen_driver, two_of_one_uuid_are_not_touched)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_destroy);
	scratch_write("list", HEAD DOM0 WEB("5", "-b----", "-") WEB("6", "-b----", "-"));
	struct finished done = done_after(arena, &action, 20000);
	cr_expect_eq(done.outcome, OUTCOME_TERMINAL);
	cr_expect_str_eq(calls(arena), "list -v\n");
}

/* xl would wait for it for a minute */
Test(xen_driver, a_paused_guest_is_not_asked_to_shut_down)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_shutdown);
	scratch_write("list", HEAD DOM0 WEB("5", "--p---", "-"));
	struct finished done = done_after(arena, &action, 20000);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "paused"));
	cr_expect_null(strstr(calls(arena), "shutdown"));
}

Test(xen_driver, a_guest_that_only_acknowledges_has_not_shut_down)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_shutdown);
	scratch_write("list", HEAD DOM0 WEB("5", "-b----", "-"));
	scratch_write("on-shutdown", "exit 0\n");
	struct finished done = done_after(arena, &action, 20000);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "did not shut down within 2 s"), "%s", done.message);
	action.escalates = true;
	cr_expect_eq(done_after(arena, &action, 20000).outcome, OUTCOME_DONE);
}

Test(xen_driver, stopped_is_shut_down)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_shutdown);
	scratch_write("list", HEAD DOM0 WEB("5", "-b----", "-"));
	scratch_write("on-shutdown", "printf '" HEAD DOM0 WEB("5", "---s--", "0") "' >list\nexit 1\n");
	cr_expect_eq(done_after(arena, &action, 20000).outcome, OUTCOME_DONE);
}

/* A domain with the digits of another's domid for a name is why xl only ever gets domids from a fresh list.
 */
Test(xen_driver, xl_is_given_the_domid_of_now)
{
	ARENA_SCOPED arena = arena_new();
	struct HaveDomain stale = {.domid = 3, .uuid = U};
	struct action action = action_of(verb_domain_unpause);
	action.have = &stale;
	KNOW(&stale, HaveDomain, halfBuilt, false);
	scratch_write("list", HEAD DOM0 WEB("9", "--p---", "-"));
	/* paused twice: the second unpause wakes it */
	scratch_write(
		"on-unpause", "[ -e once ] && printf '" HEAD DOM0 WEB("9", "-b----", "-") "' >list\n>once\n");
	cr_expect_eq(done_after(arena, &action, 20000).outcome, OUTCOME_DONE);
	cr_expect_str_eq(calls(arena), "list -v\nunpause 9\nlist -v\nunpause 9\nlist -v\n");
}

Test(xen_driver, what_may_be_half_built_is_not_unpaused)
{
	ARENA_SCOPED arena = arena_new();
	struct HaveDomain half = {.domid = 9, .uuid = U};
	struct action action = action_of(verb_domain_unpause);
	action.have = &half;
	scratch_write("list", HEAD DOM0 WEB("9", "--p---", "-"));
	cr_expect_neq(done_after(arena, &action, 20000).outcome, OUTCOME_DONE);
	cr_expect_null(strstr(calls(arena), "unpause"));
}

Test(xen_driver, create_tells_the_cause_and_not_the_cleaning_up)
{
	ARENA_SCOPED arena = arena_new();
	struct action action = action_of(verb_domain_create);
	scratch_write("list", HEAD DOM0);
	scratch_write("on-create", "cat >&2 <<END\nParsing config from /tmp/f3.cfg\n"
				   "libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: "
				   "/etc/xen/scripts/vif-bridge online [4112] exited with error status 1\n"
				   "libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: "
				   "Could not find bridge device nobr0\n"
				   "libxl: error: libxl_domain.c:1183:libxl__destroy_domid: Domain "
				   "16:Non-existant domain\nEND\nexit 3\n");
	struct finished done = done_after(arena, &action, 20000);
	cr_expect_eq(done.outcome, OUTCOME_TERMINAL);
	cr_expect_not_null(strstr(done.message, "exit 3: script: Could not find bridge device nobr0"), "%s",
		done.message);
	cr_expect_null(strstr(done.message, "Non-existant"), "%s", done.message);
	cr_expect_not_null(strstr(done.hint, "bridge"));
}

Test(xen_driver, create_finds_its_uuid_or_its_name_taken)
{
	ARENA_SCOPED arena = arena_new();
	struct wanted_domain web = {
		.name = "web", .xen_name = "web", .uid = "21111111-2222-4333-8444-555555555555"};
	struct action action = action_of(verb_domain_create);
	scratch_write("list", HEAD DOM0 WEB("5", "-b----", "-"));
	cr_expect_eq(done_after(arena, &action, 20000).outcome, OUTCOME_TRANSIENT);
	action.uid = web.uid;
	action.domain = &web;
	struct finished done = done_after(arena, &action, 20000);
	cr_expect_eq(done.outcome, OUTCOME_TERMINAL);
	cr_expect_not_null(strstr(done.message, "has the name web"), "%s", done.message);
	cr_expect_null(strstr(calls(arena), "create"));
}

/* Several at once look at one list. */
Test(xen_driver, jobs_share_a_listing)
{
	ARENA_SCOPED arena = arena_new();
	scratch_write("list", HEAD DOM0);
	for (uint32_t id = 1; id <= 5; id++) {
		struct action action = action_of(verb_domain_destroy);
		action.id = id;
		host_xen.begin(host, &action, NULL);
	}
	unsigned seen = 0;
	for (int64_t until = host_xen.now(host) + 20000; seen != 0x3e && host_xen.now(host) < until;) {
		struct finished done = {.arena = arena};
		if (host_xen.reap(host, until, &done))
			seen |= 1u << done.id;
	}
	cr_expect_eq(seen, 0x3e);
	cr_expect_str_eq(calls(arena), "list -v\n");
}

Test(xen_driver, another_childs_end_is_told)
{
	ARENA_SCOPED arena = arena_new();
	struct finished done = {.arena = arena};
	static const char *const argv[] = {"true", NULL};
	struct child *child = runner_start(runner, argv, NULL, 10000);
	int64_t begun = host_xen.now(host);
	cr_expect(!host_xen.reap(host, begun + 30000, &done));
	cr_expect(host_xen.now(host) < begun + 20000, "reap slept over it");
	cr_expect(child_ended(child));
	child_drop(child);
}
