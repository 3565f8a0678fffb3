/* Watches against real daemons: what wakes, what does not, and whom it names. */
#include "host/xen/watch.h"
#include "xenstored/xenstored.h"
#include <errno.h>
#include <poll.h>

#define WEB "11111111-2222-4333-8444-555555555555"
#define DB "21111111-2222-4333-8444-555555555555"

static struct xenstored daemon_;
static struct watch *watch;

static void enter_c(void)
{
	xenstored_enter(&daemon_, XENSTORED_C);
	xenstored_start(&daemon_);
	watch = watch_new();
}

static void enter_ocaml(void)
{
	xenstored_enter(&daemon_, XENSTORED_OCAML);
	xenstored_start(&daemon_);
	watch = watch_new();
}

static void leave(void)
{
	watch_free(watch);
	xenstored_leave(&daemon_);
}

TestSuite(xenstored, .init = enter_c, .fini = leave, .timeout = 60);
TestSuite(oxenstored, .init = enter_ocaml, .fini = leave, .timeout = 60);

/* A test in both suites. */
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

static void put(const char *path, const char *text)
{
	cr_assert(xs_write(daemon_.other, XBT_NULL, path, text, (unsigned)strlen(text)), "%s: %s", path,
		strerror(errno));
}

/* Takes all that is on its way; two events may come apart. What was named goes to *changed. */
static bool drained(struct arena *arena, struct list *changed)
{
	bool any = false, all = false;
	struct pollfd poll_ = {.fd = watch_descriptor(watch), .events = POLLIN};
	*changed = (struct list){0};
	while (poll_.fd >= 0 && poll(&poll_, 1, 300) == 1) {
		struct list now = {0};
		const bool some = watch_drain(watch, arena, &now);
		any |= some;
		all |= some && !now.count;
		for (uint32_t i = 0; i < now.count; i++)
			list_add(arena, changed, now.item[i]);
		poll_.fd = watch_descriptor(watch);
	}
	if (all)
		changed->count = 0;
	return any;
}

static void follow(struct arena *arena, int64_t web, int64_t db)
{
	struct list all = {0};
	struct listed *one = arena_make(arena, struct listed), *two = arena_make(arena, struct listed);
	*one = (struct listed){.domid = web, .uuid = WEB};
	*two = (struct listed){.domid = db, .uuid = DB};
	if (web)
		list_add(arena, &all, one);
	if (db)
		list_add(arena, &all, two);
	watch_follow(watch, &all);
}

static void named_alone(const struct list *changed, const char *uuid)
{
	cr_assert_geq(changed->count, 1, "nobody is named");
	for (uint32_t i = 0; i < changed->count; i++)
		cr_expect_str_eq(changed->item[i], uuid);
}

BOTH(setting_a_watch_is_no_change)
{
	ARENA_SCOPED arena = arena_new();
	struct list changed;
	cr_assert_geq(watch_descriptor(watch), 0);
	follow(arena, 3, 4);
	cr_expect_not(drained(arena, &changed));
	cr_expect_eq(changed.count, 0);
}

BOTH(a_domain_that_comes_or_goes_may_be_any)
{
	ARENA_SCOPED arena = arena_new();
	struct list changed;
	cr_assert_geq(watch_descriptor(watch), 0);
	follow(arena, 3, 0);
	(void)drained(arena, &changed);

	xenstored_domain(5, "");
	cr_assert(xs_introduce_domain(daemon_.other, 5, 1, 5), "%s", strerror(errno));
	cr_expect(drained(arena, &changed), "@introduceDomain");
	cr_expect_eq(changed.count, 0);

	xenstored_domain(5, "shutdown");
	xenstored_virq();
	cr_expect(drained(arena, &changed), "@releaseDomain: it is shut down");
	cr_expect_eq(changed.count, 0);
}

BOTH(what_dom0_writes_about_a_domain_names_it)
{
	static const char *const written[] = {"/libxl/3/device/vbd/51712/backend",
		"/local/domain/0/backend/vbd/3/51712/state", "/local/domain/0/backend/qdisk/3/51728/state",
		"/local/domain/0/backend/vif/3/0/hotplug-status", "/local/domain/3/name",
		"/local/domain/3/cpu/1/availability", "/local/domain/3/memory/target"};
	ARENA_SCOPED arena = arena_new();
	struct list changed;
	cr_assert_geq(watch_descriptor(watch), 0);
	follow(arena, 3, 4);
	(void)drained(arena, &changed);
	for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++) {
		put(written[i], "1");
		cr_expect(drained(arena, &changed), "%s", written[i]);
		named_alone(&changed, WEB);
	}
}

BOTH(what_a_guest_may_write_wakes_nobody)
{
	ARENA_SCOPED arena = arena_new();
	struct list changed;
	cr_assert_geq(watch_descriptor(watch), 0);
	follow(arena, 3, 4);
	(void)drained(arena, &changed);
	put("/local/domain/3/data/ready", "1");
	put("/local/domain/3/control/shutdown", "poweroff");
	put("/local/domain/3/device/vbd/51712/state", "4");
	cr_expect_not(drained(arena, &changed));
}

BOTH(who_is_gone_is_not_followed_any_more)
{
	ARENA_SCOPED arena = arena_new();
	struct list changed;
	cr_assert_geq(watch_descriptor(watch), 0);
	follow(arena, 3, 4);
	follow(arena, 3, 0);
	(void)drained(arena, &changed);
	put("/local/domain/0/backend/vbd/4/51712/state", "6");
	cr_expect_not(drained(arena, &changed));
	put("/local/domain/0/backend/vbd/3/51712/state", "6");
	cr_expect(drained(arena, &changed));
	named_alone(&changed, WEB);
	/* the number is given out again */
	follow(arena, 0, 3);
	(void)drained(arena, &changed);
	put("/local/domain/0/backend/vbd/3/51712/state", "4");
	cr_expect(drained(arena, &changed));
	named_alone(&changed, DB);
}

/* Nobody is woken by a death: who follows now and then finds out, and is told to look at everything. */
BOTH(a_daemon_that_died_is_found_by_the_next_look)
{
	ARENA_SCOPED arena = arena_new();
	struct list changed;
	cr_assert_geq(watch_descriptor(watch), 0);
	follow(arena, 3, 0);
	(void)drained(arena, &changed);
	xenstored_kill(&daemon_);
	unlink("socket");
	follow(arena, 3, 0);
	cr_expect_eq(watch_descriptor(watch), -1);
	xenstored_start(&daemon_);
	follow(arena, 3, 0);
	cr_expect_geq(watch_descriptor(watch), 0);
	cr_expect(drained(arena, &changed), "what happened meanwhile is not lost");
	cr_expect_eq(changed.count, 0);
	put("/local/domain/3/memory/target", "65536");
	cr_expect(drained(arena, &changed));
	named_alone(&changed, WEB);
}

BOTH(a_descriptor_asked_for_late_says_look_again)
{
	ARENA_SCOPED arena = arena_new();
	struct list changed;
	follow(arena, 3, 0);
	cr_assert_geq(watch_descriptor(watch), 0);
	cr_expect(drained(arena, &changed));
	cr_expect_eq(changed.count, 0);
}

Test(xenstored, without_a_daemon_there_is_nothing_to_wait_for)
{
	ARENA_SCOPED arena = arena_new();
	struct list changed = {0};
	xenstored_kill(&daemon_);
	unlink("socket");
	cr_expect_eq(watch_descriptor(watch), -1);
	follow(arena, 3, 4);
	cr_expect_not(watch_drain(watch, arena, &changed) && changed.count);
}
