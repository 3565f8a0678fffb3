/* What a guest says of its config drive, against real xenstoreds and a script that stands in for xl. */
#include "host/host.h"
#include "host/xen/answer.h"
#include "xenstored/xenstored.h"
#include <errno.h>
#include <pthread.h>
#include <time.h>

#define U "11111111-2222-4333-8444-555555555555"
#define LIST                                                                                                 \
	"Name   ID   Mem VCPUs\tState\tTime(s)   UUID   Reason-Code\tSecurity Label\n"                       \
	"Domain-0  0  1024  2  r-----  63.2 00000000-0000-0000-0000-000000000000  -  -\n"                    \
	"web  5  128  1  -b----  9.5 " U "  -  -\n"
#define NODE "/local/domain/5/data/xensteer/config"
#define OLD_NODE "/local/domain/5/iso_attach"
#define ASKED "/tool/xensteer/default/" U "/asked"

static struct xenstored daemon_;
static struct runner *runner;
static struct host *host;
static struct report *report;
static struct HostSpec spec;
static struct store *store;
static struct arena *arena;
static struct Config config;
static struct wanted_config wanted;
static struct Disk disk;

static void enter(enum xenstored_kind kind)
{
	arena = arena_new();
	xenstored_enter(&daemon_, kind);
	xenstored_start(&daemon_);
	scratch_write("xl", "#!/bin/sh\necho \"$*\" >>calls\n[ \"$1 $2\" = 'list -v' ] && exec cat list\n");
	cr_assert_eq(chmod("xl", 0755), 0);
	scratch_write("calls", "");
	scratch_write("list", LIST);
	setenv("PATH", arena_format(arena, "%s:%s", scratch, getenv("PATH")), 1);
	runner = runner_new();
	report = report_new();
	store = store_new();
	const struct host_options options = {
		.owner = "default", .run_dir = scratch, .spec = &spec, .runner = runner};
	host = host_xen.open(&options, report);
	cr_assert_not_null(host);
	config = (struct Config){.format = config_format_nocloud, .vdev = "xvdd"};
	KNOW(&disk, Disk, vdev, "xvdd");
	disk.access = access_ro;
	wanted = (struct wanted_config){.spec = &config, .timeout = 60, .known = true, .disk = &disk};
}

static void enter_c(void)
{
	enter(XENSTORED_C);
}

static void enter_ocaml(void)
{
	enter(XENSTORED_OCAML);
}

static void leave(void)
{
	host_xen.close(host);
	store_free(store);
	runner_free(runner);
	report_free(report);
	xenstored_leave(&daemon_);
	arena_free(arena);
}

TestSuite(xenstored, .init = enter_c, .fini = leave, .timeout = 60);
TestSuite(oxenstored, .init = enter_ocaml, .fini = leave, .timeout = 60);

#define BOTH(name)                                                                                           \
	static void name(void);                                                                              \
	Test(xenstored, name)                                                                                \
	{                                                                                                    \
		name();                                                                                      \
	}                                                                                                    \
	Test(oxenstored, name)                                                                               \
	{                                                                                                    \
		name();                                                                                      \
	}                                                                                                    \
	static void name(void)

static void put_bytes(const char *path, const void *bytes, size_t size)
{
	cr_assert(xs_write(daemon_.other, XBT_NULL, path, bytes, (unsigned)size), "%s: %s", path,
		strerror(errno));
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static const char *get(const char *path)
{
	unsigned size;
	char *text = xs_read(daemon_.other, XBT_NULL, path, &size);
	const char *copy = arena_text(arena, text);
	free(text);
	return copy;
}

/* Reading. */

static struct answer said(bool scene)
{
	return answer_read(store, arena, 5, scene);
}

BOTH(only_two_texts_mean_something)
{
	cr_expect_eq(said(false).answer, config_answer_none);
	put(NODE, "");
	cr_expect_eq(said(false).answer, config_answer_none, "a folder, or a guest that is about to write");
	put(NODE, "done");
	cr_expect_eq(said(false).answer, config_answer_done);
	put(NODE, "error: no such user");
	cr_expect_eq(said(false).answer, config_answer_error);
	cr_expect_str_eq(said(false).words, "no such user");
	const char *const others[] = {"done\n", "Done", "ok", "1", "errors: x", " done"};
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		put(NODE, others[i]);
		cr_expect_eq(said(false).answer, config_answer_unclear, "%s", others[i]);
	}
}

BOTH(the_older_protocol_is_for_scene)
{
	put(OLD_NODE, "2");
	cr_expect_eq(said(false).answer, config_answer_none);
	cr_expect_eq(said(true).answer, config_answer_done);
	put(OLD_NODE, "1");
	cr_expect_eq(said(true).answer, config_answer_none);
	put(OLD_NODE, "error:disk");
	cr_expect_eq(said(true).answer, config_answer_error);
	put(OLD_NODE, "3");
	cr_expect_eq(said(true).answer, config_answer_unclear);
	put(NODE, "done");
	cr_expect_eq(said(true).answer, config_answer_done, "newer images say it the newer way");
}

BOTH(words_are_bounded_and_escaped)
{
	char text[2000];
	memset(text, 'A', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "error:", 6);
	put(NODE, text);
	const char *words = said(false).words;
	cr_expect_lt(strlen(words), 300);
	cr_expect_not_null(strstr(words, "(more than 1024 bytes)"), "%s", words);
	put_bytes(NODE, "error:\x1b[31m\nroot\x07\xff", 18);
	cr_expect_str_eq(said(false).words, "\\x1b[31m\\x0aroot\\x07\\xff");
}

/* Asking. */

BOTH(the_node_that_a_guest_may_write_is_its_own_from_the_start)
{
	cr_assert(answer_invite(store, 5), "%s", strerror(errno));
	cr_expect_str_eq(get(OLD_NODE), "1");
	unsigned count = 0;
	struct xs_permissions *found = xs_get_permissions(daemon_.other, XBT_NULL, OLD_NODE, &count);
	cr_assert_eq(count, 2);
	cr_expect_eq(found[0].id, 0, "dom0 owns it");
	cr_expect_eq(found[0].perms, XS_PERM_NONE, "and nobody else may do anything");
	cr_expect_eq(found[1].id, 5);
	cr_expect_eq(found[1].perms, XS_PERM_READ | XS_PERM_WRITE);
	free(found);
	put(OLD_NODE, "2");
	cr_expect(answer_invite(store, 5));
	cr_expect_str_eq(get(OLD_NODE), "2", "an answer is left as it is");
}

BOTH(its_time_is_that_of_one_domain)
{
	cr_expect_eq(answer_asked(store, "default", U, 5), -1);
	cr_assert(answer_ask(store, "default", U, 5, 1234));
	cr_expect_eq(answer_asked(store, "default", U, 5), 1234);
	cr_expect_eq(answer_asked(store, "default", U, 6), -1, "it has booted anew");
	put(ASKED, "nonsense");
	cr_expect_eq(answer_asked(store, "default", U, 5), -1);
	cr_assert(answer_ask(store, "default", U, 5, 1));
	cr_assert(store_unmark(store, "default", U));
	cr_expect_eq(answer_asked(store, "default", U, 5), -1, "it goes with the mark");
}

BOTH(no_guest_sees_what_dom0_noted)
{
	cr_assert(store_set_mark(store, "default", U, "{}"));
	cr_assert(answer_ask(store, "default", U, 5, 1234));
	unsigned count = 0;
	struct xs_permissions *found = xs_get_permissions(daemon_.other, XBT_NULL, ASKED, &count);
	cr_assert_eq(count, 1);
	cr_expect_eq(found[0].id, 0);
	cr_expect_eq(found[0].perms, XS_PERM_NONE);
	free(found);
}

/* config.acknowledge */

static struct wanted_domain domain = {.name = "web", .xen_name = "web", .uid = U};

static struct finished acknowledged(int64_t timeout)
{
	struct finished done = {.arena = arena};
	const struct action action = {.id = 7,
		.verb = verb_config_acknowledge,
		.object = "Domain/web",
		.uid = U,
		.domain = &domain,
		.config = &wanted,
		.number = timeout};
	static const struct DomainSpec nothing;
	domain.spec = &nothing;
	host_xen.begin(host, &action, &(struct links){.arena = arena});
	while (!host_xen.reap(host, host_xen.now(host) + 30000, &done))
		;
	return done;
}

BOTH(an_answer_that_stands_is_taken)
{
	put(NODE, "done");
	cr_expect_eq(acknowledged(30).outcome, OUTCOME_DONE);
	put(NODE, "error:bad \x1b[0m day");
	const struct finished done = acknowledged(30);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_str_eq(done.message, "ConfigFailed: the guest answered error: 'bad \\x1b[0m day'");
}

static void *answers_soon(void *text)
{
	struct xs_handle *guest = xs_open(XS_OPEN_SOCKETONLY);
	XENSTORED_AWAIT(answer_asked(store, "default", U, 5) >= 0);
	(void)nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	xs_write(guest, XBT_NULL, config.format == config_format_scene ? OLD_NODE : NODE, text,
		(unsigned)strlen(text));
	xs_close(guest);
	return NULL;
}

/* How often xl was asked: a job that polls would have asked again and again. */
static unsigned listings(void)
{
	unsigned count = 0;
	const char *calls = file_read(arena, "calls", 1 << 20, NULL);
	for (const char *at = calls; (at = strstr(at, "list -v")); at++)
		count++;
	return count;
}

BOTH(an_answer_is_heard_when_it_comes)
{
	pthread_t guest;
	char done[] = "done";
	cr_assert_eq(pthread_create(&guest, NULL, answers_soon, done), 0);
	cr_expect_eq(acknowledged(30).outcome, OUTCOME_DONE);
	pthread_join(guest, NULL);
	cr_expect_leq(listings(), 4);
}

BOTH(an_older_guest_is_invited_and_heard)
{
	pthread_t guest;
	char two[] = "2";
	config.format = config_format_scene;
	cr_assert_eq(pthread_create(&guest, NULL, answers_soon, two), 0);
	cr_expect_eq(acknowledged(30).outcome, OUTCOME_DONE);
	pthread_join(guest, NULL);
	cr_expect_leq(listings(), 4);
}

BOTH(a_guest_that_says_nothing_runs_out_of_time)
{
	const struct finished done = acknowledged(1);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_str_eq(done.message, "ConfigTimeout: the guest has said nothing in 1s");
}

BOTH(a_wait_that_was_killed_goes_on)
{
	cr_assert(answer_ask(store, "default", U, 5, (int64_t)time(NULL) - 100));
	const int64_t begun = host_xen.now(host);
	const struct finished done = acknowledged(60);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "ConfigTimeout"));
	cr_expect_lt(host_xen.now(host) - begun, 30000, "most of its time has passed already");
}

BOTH(a_guest_that_is_gone_is_not_waited_for)
{
	scratch_write("list",
		"Name   ID   Mem VCPUs\tState\tTime(s)   UUID   Reason-Code\tSecurity Label\n"
		"Domain-0  0  1024  2  r-----  63.2 00000000-0000-0000-0000-000000000000  -  -\n");
	const struct finished done = acknowledged(30);
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_not_null(strstr(done.message, "it is not there"), "%s", done.message);
}

BOTH(an_answer_before_the_drive_is_told)
{
	struct finished done = {.arena = arena};
	struct links links = {.arena = arena};
	const struct link link = {.path = "/x.iso", .format = disk_format_raw};
	static const struct DomainSpec nothing;
	domain.spec = &nothing;
	strcpy(wanted.volume.uid, "21111111-2222-4333-8444-555555555555");
	links_set(&links, wanted.volume.uid, &link);
	config.format = config_format_scene;
	const struct action action = {.id = 7,
		.verb = verb_disk_attach,
		.object = "Domain/web",
		.uid = U,
		.domain = &domain,
		.config = &wanted,
		.disk = &disk,
		.disk_volume = &wanted.volume};
	put(NODE, "done");
	host_xen.begin(host, &action, &links);
	while (!host_xen.reap(host, host_xen.now(host) + 1000, &done))
		;
	cr_expect_eq(done.outcome, OUTCOME_TRANSIENT);
	cr_expect_str_eq(
		done.message, "ConfigEarly: the guest answered before its config drive was attached");
	cr_expect_null(strstr(file_read(arena, "calls", 4096, NULL), "block-attach"));
	cr_expect_null(get(ASKED), "it is not asked");
}
