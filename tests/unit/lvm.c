/* The lvm layer over programs that stand in for LVM's: a group that is a file, and which notices when extents
 * become readable that nobody zeroed. The real LVM is met in tests/lab. */
#include "steps.h"
#include "storage/artefact.h"
#include <sys/sysmacros.h>

static const char uid[] = "11111111-2222-5333-8444-555555555555", group[] = "vg-0";
enum { MIB = 1 << 20 };
static struct arena *arena;
static const struct layer_driver *driver;
static const char *name, *path;
static struct Layer *want;
static struct LayerFound *label;

static void want_set(const char *in, const char *pool, int64_t size)
{
	want = type_new(arena, &type_Layer);
	KNOW(want, Layer, lvm, type_new(arena, &type_LvmLayer));
	KNOW(want->lvm, LvmLayer, group, in);
	KNOW(want->lvm, LvmLayer, size, size);
	if (pool)
		KNOW(want->lvm, LvmLayer, thinPool, pool);
}

static void begin(void)
{
	static const char *const programs[] = {
		"lvs", "lvcreate", "lvrename", "lvremove", "lvextend", "lvchange", "blkdiscard"};
	char *stand_in = realpath("tests/lvm/stand-in", NULL);
	cr_assert_not_null(stand_in);
	if (geteuid() != 0)
		cr_skip_test("device nodes can only be made by root");
	scratch_enter();
	arena = arena_new();
	cr_assert_eq(mkdir("bin", 0700), 0);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		cr_assert_eq(symlink(stand_in, arena_format(arena, "bin/%s", programs[i])), 0);
	free(stand_in);
	setenv("PATH", arena_format(arena, "%s/bin:/usr/bin:/bin", scratch), 1);
	setenv("LVM_ROOT", scratch, 1);
	driver = layer_find("lvm");
	name = arena_format(arena, "xs-%s-0", uid);
	path = arena_format(arena, "%s/dev/%s/%s", scratch, group, name);
	want_set(group, NULL, 10 * MIB);
	label = NULL;
}

static void end(void)
{
	arena_free(arena);
	scratch_leave();
}

TestSuite(lvm, .init = begin, .fini = end);

/* As the volume's action has it: the label is written before. */
static struct layer_job *job(void)
{
	struct layer_job *job = arena_make(arena, struct layer_job);
	*job = (struct layer_job){.arena = arena,
		.uid = uid,
		.want = want,
		.state_dir = scratch,
		.root = scratch,
		.folder = scratch,
		.found = type_new(arena, &type_LayerFound),
		.lock = -1};
	driver->expect(job);
	job->recorded = label ? label : object_copy(arena, &type_LayerFound, job->found);
	return job;
}

/* A job that knows nothing but the label. */
static struct layer_job *seen(void)
{
	struct layer_job *seen = job();
	seen->want = NULL;
	seen->found = type_new(arena, &type_LayerFound);
	return seen;
}

static void make(void)
{
	struct layer_job *made = job();
	step_done(made, &driver->create);
	label = made->found;
}

static const char *text_of(const char *file)
{
	char *text = file_read(arena, file, 1 << 20, NULL);
	return text ? text : "";
}

static bool group_has(const char *what)
{
	return strstr(text_of("group.json"), arena_format(arena, "\"%s\"", what)) != NULL;
}

static bool group_has_tail(const char *tail)
{
	return group_has(arena_format(arena, "%s%s", name, tail));
}

static void group_put(const char *which, const char *tags, const char *more)
{
	scratch_write("group.json",
		arena_format(arena, "[{\"%s\": {\"tags\": [%s]%s}}, [[null, false], [\"%s\", true]], 7]",
			which, tags, more, which));
}

Test(lvm, a_life)
{
	struct layer_job *expected = job();
	cr_expect_str_eq(expected->found->path, path);
	cr_expect_str_eq(expected->found->source, group);
	cr_expect_not(driver->observe(seen()));
	make();
	cr_expect_eq(label->size, 10 * MIB);
	cr_expect_str_eq(label->id, "b:253:1");
	cr_expect_str_eq(text_of("calls"), "4");

	struct layer_job *found = seen();
	cr_assert(driver->observe(found), "%s", found->error);
	cr_expect_eq(found->found->size, 10 * MIB);
	struct link link = layer_link(found);
	cr_expect(link.block && link.format == disk_format_raw);
	cr_expect_str_eq(link.path, path);

	step_done(seen(), &driver->close);
	found = seen();
	cr_expect_not(driver->observe(found));
	cr_expect_null(found->error);
	step_done(seen(), &driver->open);
	cr_expect(driver->observe(seen()));
	step_done(seen(), &driver->close);
	step_done(seen(), &driver->remove);
	cr_expect_not(group_has(name));
	step_done(seen(), &driver->remove);
	cr_expect_not(scratch_has("leaks"));
}

Test(lvm, it_grows_by_zeros_only)
{
	make();
	struct layer_job *grown = seen();
	driver->observe(grown);
	KNOW(grown->found, LayerFound, size, 33 * MIB);
	step_done(grown, &driver->grow);
	cr_expect_eq(grown->found->size, 33 * MIB);
	label = grown->found;
	struct layer_job *found = seen();
	cr_assert(driver->observe(found));
	cr_expect_eq(found->found->size, 33 * MIB);
	cr_expect_not(scratch_has("leaks"));
	cr_expect_not(group_has_tail(".grow"));
}

/* What the next creation or growth begins with, wherever the one before was killed. */
static unsigned calls_of(void (*steps)(void))
{
	unlink("calls");
	steps();
	return (unsigned)atoi(text_of("calls"));
}

static void grow_to_20(void)
{
	struct layer_job *grown = seen();
	KNOW(grown->found, LayerFound, size, 20 * MIB);
	step_done(grown, &driver->grow);
}

static void nothing_is_left(void)
{
	cr_expect_not(group_has_tail(".part"));
	cr_expect_not(group_has_tail(".grow"));
	cr_expect_not(scratch_has("leaks"), "%s", text_of("leaks"));
}

Test(lvm, creation_killed_at_every_program)
{
	for (unsigned kill = 2;; kill++) {
		unlink("group.json");
		unlink("calls");
		unlink(path);
		label = NULL;
		scratch_write("kill", arena_format(arena, "%u", kill));
		const bool whole = step_run(job(), &driver->create);
		unlink("kill");
		make();
		cr_expect_eq(label->size, 10 * MIB);
		nothing_is_left();
		if (whole) {
			cr_expect_gt(kill, 8);
			return;
		}
	}
}

Test(lvm, growth_killed_at_every_program)
{
	for (unsigned kill = 2;; kill++) {
		unlink("group.json");
		unlink("kill");
		unlink(path);
		label = NULL;
		make();
		unlink("calls");
		scratch_write("kill", arena_format(arena, "%u", kill));
		struct layer_job *grown = seen();
		KNOW(grown->found, LayerFound, size, 20 * MIB);
		const bool whole = step_run(grown, &driver->grow);
		unlink("kill");
		grow_to_20();
		nothing_is_left();
		if (whole) {
			cr_expect_gt(kill, 12);
			break;
		}
	}
	cr_expect_eq(calls_of(grow_to_20), 1);
}

Test(lvm, removal_takes_what_is_unfinished_too)
{
	scratch_write("kill", "5"); /* after lvcreate */
	cr_expect_not(step_run(job(), &driver->create));
	unlink("kill");
	cr_assert(group_has_tail(".part"));
	step_done(seen(), &driver->remove);
	cr_expect_not(group_has_tail(".part"));
}

Test(lvm, what_is_not_ours_is_left_alone)
{
	static const char *const tails[] = {"", ".part", ".grow"};
	for (int i = 0; i < 3; i++) {
		group_put(arena_format(arena, "%s%s", name, tails[i]), "\"backup\", \"xensteer2\"",
			", \"layout\": \"linear\"");
		const char *before = text_of("group.json");
		step_fails(job(), &driver->create, true, "does not carry the tag xensteer");
		step_fails(seen(), &driver->remove, true, "does not carry the tag xensteer");
		struct layer_job *grown = seen();
		KNOW(grown->found, LayerFound, size, 20 * MIB);
		step_fails(grown, &driver->grow, true, "does not carry the tag xensteer");
		cr_expect_str_eq(text_of("group.json"), before);
	}
}

Test(lvm, a_group_that_is_not_there)
{
	want_set("other", NULL, 10 * MIB);
	struct layer_job *made = job();
	step_fails(made, &driver->create, true, "there is no volume group other: lvs");
	cr_expect_str_eq(made->hint, "vgs lists those that are there");
	step_fails(seen(), &driver->remove, true, "there is no volume group other");
}

Test(lvm, a_group_that_is_full)
{
	want_set(group, NULL, (int64_t)1024 * MIB);
	struct layer_job *made = job();
	step_fails(made, &driver->create, false, "no space left in volume group vg-0: lvcreate");
	cr_expect_not_null(made->hint);
	want_set(group, NULL, 10 * MIB);
	make();
	struct layer_job *grown = seen();
	KNOW(grown->found, LayerFound, size, (int64_t)1024 * MIB);
	step_fails(grown, &driver->grow, false, "no space left in volume group vg-0: lvcreate");
	cr_expect(driver->observe(seen()));
}

Test(lvm, thin_volumes_take_no_zeroing)
{
	want_set(group, "pool", 10 * MIB);
	group_put("pool", "", ", \"layout\": \"thin,pool\", \"zero\": \"zero\"");
	make();
	cr_expect_str_eq(text_of("calls"), "2");
	cr_expect_str_eq(label->source, "vg-0/pool");
	unlink("calls");
	struct layer_job *grown = seen();
	KNOW(grown->found, LayerFound, size, 40 * MIB);
	step_done(grown, &driver->grow);
	cr_expect_str_eq(text_of("calls"), "2");
}

Test(lvm, thin_pools_that_leak_are_refused)
{
	want_set(group, "pool", 10 * MIB);
	step_fails(job(), &driver->create, true, "there is no thin pool vg-0/pool");
	group_put("pool", "", ", \"layout\": \"linear\"");
	step_fails(job(), &driver->create, true, "vg-0/pool is no thin pool");
	group_put("pool", "", ", \"layout\": \"thin,pool\", \"zero\": \"\"");
	struct layer_job *made = job();
	step_fails(made, &driver->create, true, "does not zero what it hands out");
	cr_expect_str_eq(made->hint, "lvchange -Z y vg-0/pool");
}

Test(lvm, one_that_is_gone_cannot_be_opened)
{
	make();
	step_done(seen(), &driver->close);
	unlink("group.json");
	step_fails(seen(), &driver->open, true, "is gone");
}

Test(lvm, one_in_use_stays_open)
{
	make();
	scratch_write("busy", "");
	step_fails(seen(), &driver->close, false, "is in use");
	cr_expect(driver->observe(seen()));
}

Test(lvm, a_link_that_leads_elsewhere_is_told)
{
	make();
	scratch_write("sys/dev/block/253:1/dm/name", "vg--0-somebody\n");
	struct layer_job *found = seen();
	cr_expect_not(driver->observe(found));
	cr_expect(found->error && strstr(found->error, "leads to vg--0-somebody instead of vg--0-xs--1111"),
		"%s", found->error);
	cr_assert_eq(unlink("sys/dev/block/253:1/dm/name"), 0);
	found = seen();
	cr_expect_not(driver->observe(found));
	cr_expect(strstr(found->error, "no logical volume"), "%s", found->error);
	cr_assert_eq(unlink(path), 0);
	scratch_write(path, "");
	found = seen();
	cr_expect_not(driver->observe(found));
	cr_expect(strstr(found->error, "is no block device"), "%s", found->error);
}

Test(lvm, what_was_enlarged_by_hand_keeps_the_wanted_size)
{
	make();
	scratch_write("sys/dev/block/253:1/size", "65536\n");
	struct layer_job *found = seen();
	cr_assert(driver->observe(found));
	cr_expect_eq(found->found->size, 10 * MIB);
	scratch_write("sys/dev/block/253:1/size", "8192\n");
	found = seen();
	cr_assert(driver->observe(found));
	cr_expect_eq(found->found->size, 4 * MIB);
}
