/* What dom0 itself uses, read from a /proc and a /sys of the test's own. */
#include "host/xen/dom0.h"
#include "tests/scratch.h"

TestSuite(dom0, .init = scratch_enter, .fini = scratch_leave);

static void make_folders(const char *path)
{
	cr_assert(file_folders(path, 0700));
}

static const struct HostUse *use_of(const struct have *have, const char *path)
{
	for (uint32_t i = 0; i < have->found->uses.count; i++) {
		const struct HostUse *use = have->found->uses.item[i];
		if (strcmp(use->path, path) == 0)
			return use;
	}
	return NULL;
}

Test(dom0, mounts_lead_through_loops_to_their_files)
{
	HAVE_SCOPED have = have_new();
	make_folders("root/proc/self");
	make_folders("root/sys/block/loop3/loop");
	make_folders("root/sys/block/loop4/loop");
	make_folders("root/sys/block/loop5/loop");
	scratch_write("disk.img", "x");
	scratch_write("part.img", "x");
	scratch_write("unused.img", "x");
	scratch_write("swap file", "x");
	const char *disk = arena_format(have->arena, "%s/disk.img", scratch);
	const char *part = arena_format(have->arena, "%s/part.img", scratch);
	const char *swap = arena_format(have->arena, "%s/swap file", scratch);
	scratch_write("root/sys/block/loop3/loop/backing_file", arena_format(have->arena, "%s\n", disk));
	scratch_write("root/sys/block/loop4/loop/backing_file", arena_format(have->arena, "%s\n", part));
	scratch_write("root/sys/block/loop5/loop/backing_file",
		arena_format(have->arena, "%s/unused.img\n", scratch));
	scratch_write("root/proc/self/mountinfo",
		"22 1 0:20 / /proc rw,nosuid - proc proc rw\n"
		"36 35 7:3 / /mnt/a\\040b rw,noatime master:1 - ext4 /dev/loop3 rw,errors=remount-ro\n"
		"37 35 259:1 / /srv ro shared:2 - ext4 /dev/loop4p1 ro\n"
		"38 35 7:9 / /gone rw - ext4 /dev/loop-that-is-gone rw\n"
		"half a line\n");
	scratch_write("root/proc/swaps",
		arena_format(have->arena, "Filename\t\t\t\tType\t\tSize\n%s/swap\\040file file 1 0 -2\n",
			scratch));
	dom0_uses(have, arena_format(have->arena, "%s/root", scratch));
	cr_assert_eq(have->found->uses.count, 3);
	cr_expect(KNOWN(have->found, Observation, uses));
	const struct HostUse *use = use_of(have, disk);
	cr_assert_not_null(use);
	cr_expect_str_eq(use->what, "mounted on /mnt/a b");
	cr_expect(use->writes);
	cr_expect_str_eq(use->id, path_id(have->arena, disk));
	use = use_of(have, part);
	cr_assert_not_null(use);
	cr_expect_not(use->writes);
	use = use_of(have, swap);
	cr_assert_not_null(use);
	cr_expect_str_eq(use->what, "it swaps there");
	cr_expect(use->writes);
}

Test(dom0, nothing_used_is_nothing_said)
{
	HAVE_SCOPED have = have_new();
	make_folders("root/proc/self");
	dom0_uses(have, arena_format(have->arena, "%s/root", scratch));
	cr_expect_eq(have->found->uses.count, 0);
	cr_expect_not(KNOWN(have->found, Observation, uses));
}

Test(dom0, a_path_is_known_by_device_and_inode)
{
	ARENA_SCOPED arena = arena_new();
	scratch_write("a", "x");
	cr_assert_eq(link("a", "b"), 0);
	cr_assert_eq(symlink("a", "c"), 0);
	cr_expect_str_eq(path_id(arena, "b"), path_id(arena, "a"));
	cr_expect_str_eq(path_id(arena, "c"), path_id(arena, "a"));
	cr_expect_null(path_id(arena, "nothing"));
}
