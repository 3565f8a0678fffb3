/* The xenstore of the Xen driver, against real daemons: every test runs with Debian's C xenstored and with
 * the oxenstored that Debian prefers. */
#include "host/xen/store.h"
#include "xenstored/xenstored.h"
#include <errno.h>

static struct xenstored daemon_;
static struct store *store;

static void enter_c(void)
{
	xenstored_enter(&daemon_, XENSTORED_C);
	xenstored_start(&daemon_);
	store = store_new();
}

static void enter_ocaml(void)
{
	xenstored_enter(&daemon_, XENSTORED_OCAML);
	xenstored_start(&daemon_);
	store = store_new();
}

static void leave(void)
{
	store_free(store);
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

static void put_bytes(const char *path, const void *bytes, size_t size)
{
	cr_assert(xs_write(daemon_.other, XBT_NULL, path, bytes, (unsigned)size), "%s: %s", path,
		strerror(errno));
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static void is_for_dom0_only(const char *path)
{
	unsigned count = 0;
	struct xs_permissions *found = xs_get_permissions(daemon_.other, XBT_NULL, path, &count);
	cr_assert_not_null(found, "%s: %s", path, strerror(errno));
	cr_expect_eq(count, 1, "%s", path);
	cr_expect_eq(found[0].id, 0, "%s", path);
	cr_expect_eq(found[0].perms, XS_PERM_NONE, "%s", path);
	free(found);
}

/* Reading. */

BOTH(a_value_is_read_up_to_the_limit)
{
	ARENA_SCOPED arena = arena_new();
	put("/vm/a/name", "web-1");
	cr_expect_str_eq(store_read(store, arena, 64, "/vm/%s/name", "a"), "web-1");
	cr_expect_str_eq(store_read(store, arena, 5, "/vm/a/name"), "web-1");
	cr_expect_str_eq(store_read(store, arena, 3, "/vm/a/name"), "web");
	cr_expect_str_eq(store_read(store, arena, 0, "/vm/a/name"), "");
	put("/vm/a/name", "");
	cr_expect_str_eq(store_read(store, arena, 64, "/vm/a/name"), "");
}

BOTH(long_values_come_whole)
{
	ARENA_SCOPED arena = arena_new();
	char text[2049];
	memset(text, 'x', sizeof(text) - 1);
	text[2048] = '\0';
	put("/tool/long", text);
	cr_expect_str_eq(store_read(store, arena, 4096, "/tool/long"), text);
	cr_expect_eq(strlen(store_read(store, arena, 2000, "/tool/long")), 2000);
}

BOTH(bytes_that_are_no_text_end_where_they_end)
{
	ARENA_SCOPED arena = arena_new();
	put_bytes("/tool/odd", "ab\0cd", 5);
	cr_expect_str_eq(store_read(store, arena, 64, "/tool/odd"), "ab");
	put_bytes("/tool/odd", "\xff\x80\x01 \n\x7f", 6);
	cr_expect_str_eq(store_read(store, arena, 64, "/tool/odd"), "\xff\x80\x01 \n\x7f");
	cr_expect_str_eq(store_read(store, arena, 2, "/tool/odd"), "\xff\x80");
}

BOTH(what_is_absent_is_ENOENT)
{
	ARENA_SCOPED arena = arena_new();
	errno = 0;
	cr_expect_null(store_read(store, arena, 64, "/local/domain/%d/name", 7));
	cr_expect_eq(errno, ENOENT);
	cr_expect(store_reachable(store));
}

BOTH(paths_that_xenstore_does_not_take_are_refused_and_do_no_harm)
{
	ARENA_SCOPED arena = arena_new();
	put("/tool/a", "1");
	errno = 0;
	cr_expect_null(store_read(store, arena, 64, "/tool/with.dot"));
	cr_expect_eq(errno, EINVAL);
	char long_name[2000];
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	errno = 0;
	cr_expect_null(store_read(store, arena, 64, "/tool/%s", long_name));
	cr_expect_eq(errno, ENAMETOOLONG);
	cr_expect_eq(store_number(store, "/tool/%s", long_name), -1);
	cr_expect_eq(store_names(store, arena, "/tool/%s", long_name).count, 0);
	cr_expect_str_eq(store_read(store, arena, 64, "/tool/a"), "1");
}

BOTH(numbers_are_decimal_digits_alone)
{
	static const struct {
		const char *text;
		int64_t number;
	} rows[] = {{"0", 0}, {"4", 4}, {"007", 7}, {"9223372036854775807", INT64_MAX},
		{"9223372036854775808", -1}, {"-1", -1}, {"+1", -1}, {" 1", -1}, {"1 ", -1}, {"1x", -1},
		{"0x10", -1}, {"", -1}, {"99999999999999999999999999999999999999", -1}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put("/tool/number", rows[i].text);
		cr_expect_eq(store_number(store, "/tool/%s", "number"), rows[i].number, "'%s'", rows[i].text);
	}
	cr_expect_eq(store_number(store, "/tool/none"), -1);
}

BOTH(names_are_listed)
{
	ARENA_SCOPED arena = arena_new();
	put("/tool/empty", "");
	put("/tool/list/b", "");
	put("/tool/list/a/below", "");
	struct list names = store_names(store, arena, "/tool/%s", "list");
	cr_assert_eq(names.count, 2);
	const bool turned = strcmp(names.item[0], "b") == 0;
	cr_expect_str_eq(names.item[turned], "a");
	cr_expect_str_eq(names.item[!turned], "b");
	cr_expect_eq(store_names(store, arena, "/tool/empty").count, 0);
	errno = 0;
	cr_expect_eq(store_names(store, arena, "/tool/none").count, 0);
	cr_expect_eq(errno, ENOENT);
}

static void put_many(const char *folder, unsigned count)
{
	char path[128];
	for (unsigned i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/a-name-as-long-as-the-uuid-of-a-vm-is-%04u", folder, i);
		put(path, "");
	}
}

/* What needs more than one message: the C daemon gives it in parts. */
Test(xenstored, long_lists_come_whole)
{
	ARENA_SCOPED arena = arena_new();
	put_many("/vm", 300);
	cr_expect_eq(store_names(store, arena, "/vm").count, 300);
}

/* oxenstored answers what no client accepts: that connection is gone, and the list is not known to be empty.
 */
Test(oxenstored, a_list_that_breaks_the_connection_is_an_error_and_the_next_call_works)
{
	ARENA_SCOPED arena = arena_new();
	put_many("/vm", 300);
	put("/here/a", "1");
	put("/here/b", "1");
	errno = 0;
	cr_expect_eq(store_names(store, arena, "/vm").count, 0);
	cr_expect_neq(errno, 0);
	cr_expect_neq(errno, ENOENT);
	cr_expect_str_eq(store_read(store, arena, 64, "/here/a"), "1");
	cr_expect(store_write(store, "/here/a", "2"));
	cr_expect_eq(store_number(store, "/here/a"), 2);
	cr_expect_eq(store_names(store, arena, "/here").count, 2);
}

BOTH(what_is_written_is_there)
{
	cr_expect(store_write(store, "/local/domain/5/control/shutdown", "poweroff"));
	unsigned size;
	char *found = xs_read(daemon_.other, XBT_NULL, "/local/domain/5/control/shutdown", &size);
	cr_assert_not_null(found);
	cr_expect_str_eq(found, "poweroff");
	free(found);
	errno = 0;
	cr_expect_not(store_write(store, "/tool/with.dot", ""));
	cr_expect_eq(errno, EINVAL);
}

/* xenstored that is not there, or not any more. */

BOTH(without_a_daemon_nothing_is_absent)
{
	ARENA_SCOPED arena = arena_new();
	xenstored_kill(&daemon_);
	unlink("socket");
	errno = 0;
	cr_expect_null(store_read(store, arena, 64, "/tool/a"));
	cr_expect_eq(errno, ENOTCONN);
	cr_expect_not(store_reachable(store));
	cr_expect_not(store_write(store, "/tool/a", "1"));
	xenstored_start(&daemon_);
	cr_expect(store_reachable(store));
	cr_expect(store_write(store, "/tool/a", "1"));
	cr_expect_eq(store_number(store, "/tool/a"), 1);
}

BOTH(a_daemon_that_died_is_an_error_and_never_absence)
{
	ARENA_SCOPED arena = arena_new();
	const char *uuid = "11111111-2222-4333-8444-555555555555";
	cr_assert(store_set_mark(store, "default", uuid, "{}"));
	put("/local/domain/0/backend/vbd/5/51712/state", "4");
	cr_assert(store_backends_left(store, 5));
	xenstored_kill(&daemon_);
	errno = 0;
	cr_expect_null(store_mark(store, arena, "default", uuid));
	cr_expect_neq(errno, ENOENT);
	cr_expect_neq(errno, 0);
	errno = 0;
	cr_expect_eq(store_names(store, arena, "/tool").count, 0);
	cr_expect_neq(errno, ENOENT);
	cr_expect_neq(errno, 0);
	cr_expect_not(store_set_mark(store, "default", uuid, "{}"));
	cr_expect_not(store_unmark(store, "default", uuid), "nothing was removed");
	cr_expect_not(store_write(store, "/tool/a", "1"));
	cr_expect_not(store_reachable(store));
	cr_expect(store_backends_left(store, 5), "not known to be gone");
}

/* The first call behind the death finds out. */
BOTH(a_connection_that_broke_meanwhile_does_not_count_as_reachable)
{
	cr_assert(store_write(store, "/tool/a", "1"));
	xenstored_kill(&daemon_);
	cr_expect_not(store_reachable(store));
}

/* Each call is once the first behind the restart. */
BOTH(after_a_restart_every_call_works_at_once)
{
	ARENA_SCOPED arena = arena_new();
	for (unsigned call = 0; call < 7; call++) {
		cr_assert(store_write(store, "/tool/before", "1"));
		xenstored_kill(&daemon_);
		xenstored_start(&daemon_);
		put("/tool/list/a", "7");
		switch (call) {
		case 0:
			cr_expect_eq(store_number(store, "/tool/list/a"), 7);
			break;
		case 1:
			cr_expect(store_write(store, "/tool/b", "1"));
			break;
		case 2:
			cr_expect_eq(store_names(store, arena, "/tool/list").count, 1);
			break;
		case 3:
			cr_expect(store_set_mark(store, "default", "u", "{}"));
			is_for_dom0_only("/tool/xensteer/default/u");
			break;
		case 4:
			cr_expect(store_unmark(store, "default", "u"));
			break;
		case 5:
			cr_expect(store_reachable(store));
			break;
		default:
			errno = 0;
			cr_expect_null(store_read(store, arena, 64, "/tool/before"));
			cr_expect_eq(errno, ENOENT, "what it held is lost");
			break;
		}
	}
}

/* Marks. */

BOTH(marks_are_for_dom0_alone)
{
	ARENA_SCOPED arena = arena_new();
	const char *uuid = "11111111-2222-4333-8444-555555555555";
	/* a parent that every guest may write must not open what lies below it */
	struct xs_permissions open = {.id = 0, .perms = XS_PERM_READ | XS_PERM_WRITE};
	put("/tool", "");
	cr_assert(xs_set_permissions(daemon_.other, XBT_NULL, "/tool", &open, 1));
	cr_expect_null(store_mark(store, arena, "team-a.lab", uuid));
	cr_assert(store_set_mark(store, "team-a.lab", uuid, "{\"name\":\"web\"}"));
	cr_expect_str_eq(store_mark(store, arena, "team-a.lab", uuid), "{\"name\":\"web\"}");
	is_for_dom0_only("/tool/xensteer");
	is_for_dom0_only("/tool/xensteer/team-a_lab");
	is_for_dom0_only("/tool/xensteer/team-a_lab/11111111-2222-4333-8444-555555555555");
	cr_assert(store_set_mark(store, "team-a.lab", uuid, "{}"));
	cr_expect_str_eq(store_mark(store, arena, "team-a.lab", uuid), "{}");
	cr_expect_null(store_mark(store, arena, "other", uuid));
}

BOTH(a_mark_that_a_guest_could_write_is_closed_when_it_is_written_again)
{
	struct xs_permissions open = {.id = 0, .perms = XS_PERM_READ | XS_PERM_WRITE};
	put("/tool/xensteer/default/u", "forged");
	cr_assert(xs_set_permissions(daemon_.other, XBT_NULL, "/tool/xensteer", &open, 1));
	cr_assert(xs_set_permissions(daemon_.other, XBT_NULL, "/tool/xensteer/default/u", &open, 1));
	cr_assert(store_set_mark(store, "default", "u", "{}"));
	is_for_dom0_only("/tool/xensteer");
	is_for_dom0_only("/tool/xensteer/default/u");
}

BOTH(unmarking_twice_is_success)
{
	ARENA_SCOPED arena = arena_new();
	cr_assert(store_set_mark(store, "default", "u", "{}"));
	cr_assert(store_set_mark(store, "default", "v", "{}"));
	cr_expect(store_unmark(store, "default", "u"));
	cr_expect(store_unmark(store, "default", "u"));
	cr_expect_null(store_mark(store, arena, "default", "u"));
	cr_expect_str_eq(store_mark(store, arena, "default", "v"), "{}");
	cr_expect(store_unmark(store, "nobody", "u"));
}

BOTH(owners_that_would_lead_elsewhere_are_refused)
{
	ARENA_SCOPED arena = arena_new();
	put("/tool/elsewhere", "1");
	errno = 0;
	cr_expect_not(store_set_mark(store, "../elsewhere", "u", "{}"));
	cr_expect_eq(errno, EINVAL);
	cr_expect_not(store_unmark(store, "a/b", "u"));
	cr_expect_null(store_mark(store, arena, "a/b", "u"));
	errno = 0;
	cr_expect_not(store_set_mark(store, "a b", "u", "{}"), "xenstore takes no space");
	cr_expect_eq(errno, EINVAL);
	char owner[1100];
	memset(owner, 'x', sizeof(owner) - 1);
	owner[sizeof(owner) - 1] = '\0';
	cr_expect_not(store_set_mark(store, owner, "u", "{}"));
	cr_expect_eq(store_number(store, "/tool/elsewhere"), 1);
}

/* What oxenstored refuses is an error, not a shorter mark. */
BOTH(a_mark_is_whole_or_it_is_not)
{
	ARENA_SCOPED arena = arena_new();
	char text[2050];
	memset(text, 'x', sizeof(text) - 1);
	text[2048] = '\0';
	cr_expect(store_set_mark(store, "default", "u", text));
	cr_expect_str_eq(store_mark(store, arena, "default", "u"), text);
	text[2048] = 'x', text[2049] = '\0';
	const bool taken = store_set_mark(store, "default", "u", text);
	cr_expect_eq(taken, daemon_.kind == XENSTORED_C);
	cr_expect_eq(strlen(store_mark(store, arena, "default", "u")), taken ? 2049 : 2048);
}

/* Watches. */

/* Devices. */

BOTH(devices_are_those_of_libxl_with_the_states_of_their_backends)
{
	ARENA_SCOPED arena = arena_new();
	put("/libxl/5/device/vbd/51712/dev", "xvda");
	put("/libxl/5/device/vbd/51712/backend", "/local/domain/0/backend/vbd/5/51712");
	put("/local/domain/0/backend/vbd/5/51712/state", "4");
	put("/libxl/5/device/vbd/51728/dev", "xvdb");
	put("/libxl/5/device/vbd/51728/backend", "/local/domain/0/backend/qdisk/5/51728");
	put("/local/domain/0/backend/qdisk/5/51728/state", "1");
	put("/local/domain/0/backend/qdisk/5/51728/hotplug-error", "no such file");
	put("/libxl/5/device/vbd/51744/backend", "/local/domain/0/backend/vbd/5/51744");
	struct list disks = store_devices(store, arena, 5, "vbd");
	cr_assert_eq(disks.count, 3);
	unsigned seen = 0;
	for (uint32_t i = 0; i < disks.count; i++) {
		const struct store_device *disk = disks.item[i];
		seen |= disk->number == 51712 ? 1 : disk->number == 51728 ? 2 : disk->number == 51744 ? 4 : 8;
		if (disk->number == 51712) {
			cr_expect_str_eq(disk->vdev, "xvda");
			cr_expect_eq(disk->state, BACKEND_CONNECTED);
			cr_expect_not(disk->qdisk);
			cr_expect_null(disk->error);
		} else if (disk->number == 51728) {
			cr_expect(disk->qdisk);
			cr_expect_eq(disk->state, BACKEND_INITIALISING);
			cr_expect_str_eq(disk->error, "no such file");
		} else {
			cr_expect_eq(disk->state, BACKEND_ABSENT, "its backend is gone");
			cr_expect_null(disk->vdev);
		}
	}
	cr_expect_eq(seen, 7);
	cr_expect_eq(store_devices(store, arena, 5, "vif").count, 0);
	cr_expect_eq(store_devices(store, arena, 6, "vbd").count, 0);
}

BOTH(a_backend_elsewhere_is_none)
{
	ARENA_SCOPED arena = arena_new();
	put("/libxl/5/device/vif/0/backend", "/local/domain/5/data");
	put("/local/domain/5/data/state", "4");
	struct list nics = store_devices(store, arena, 5, "vif");
	cr_assert_eq(nics.count, 1);
	cr_expect_eq(((struct store_device *)nics.item[0])->state, BACKEND_ABSENT);
}

BOTH(backends_that_are_left_are_seen_of_each_kind)
{
	static const char *const kinds[] = {"vbd", "qdisk", "vif"};
	char path[96];
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		cr_expect_not(store_backends_left(store, 5));
		snprintf(path, sizeof(path), "/local/domain/0/backend/%s/5/0/state", kinds[i]);
		put(path, "6");
		cr_expect(store_backends_left(store, 5), "%s", kinds[i]);
		cr_expect_not(store_backends_left(store, 55));
		snprintf(path, sizeof(path), "/local/domain/0/backend/%s/5", kinds[i]);
		cr_assert(xs_rm(daemon_.other, XBT_NULL, path));
	}
}

BOTH(a_device_model_is_a_process_that_lives)
{
	char text[32];
	cr_expect_not(store_device_model(store, 5));
	snprintf(text, sizeof(text), "%d", (int)getpid());
	put("/local/domain/5/image/device-model-pid", text);
	cr_expect(store_device_model(store, 5));
	pid_t gone = fork();
	if (gone == 0)
		_exit(0);
	cr_assert_eq(waitpid(gone, NULL, 0), gone);
	snprintf(text, sizeof(text), "%d", (int)gone);
	put("/local/domain/5/image/device-model-pid", text);
	cr_expect_not(store_device_model(store, 5));
	put("/local/domain/5/image/device-model-pid", "../self");
	cr_expect_not(store_device_model(store, 5));
}

BOTH(backends_of_a_domain_that_is_gone_are_removed)
{
	put("/local/domain/0/backend/vbd/9/51712/hotplug-status", "connected");
	put("/local/domain/0/backend/vif/9/0/state", "6");
	put("/local/domain/0/backend/vbd/91/51712/state", "4");
	cr_expect(store_backends_left(store, 9));
	store_backends_remove(store, 9);
	cr_expect_not(store_backends_left(store, 9));
	cr_expect(store_backends_left(store, 91));
	store_backends_remove(store, 9);
	cr_expect(store_backends_left(store, 91));
}

/* A daemon that is there and does not answer: the wait is bounded, and only one pays it. */
Test(xenstored, a_daemon_that_is_silent_is_left_alone)
{
	ARENA_SCOPED arena = arena_new();
	cr_assert(store_write(store, "/tool/a", "1"));
	cr_assert_eq(kill(daemon_.pid, SIGSTOP), 0);
	cr_expect_null(store_read(store, arena, 64, "/tool/a"));
	cr_expect_eq(errno, EAGAIN);
	cr_expect_null(store_read(store, arena, 64, "/tool/a"));
	cr_expect_eq(errno, ETIMEDOUT);
	cr_expect_not(store_reachable(store));
	cr_expect_eq(kill(daemon_.pid, SIGCONT), 0);
}
