/* The filesystem layer on real loop devices, with the real mkfs and mount. */
#include "model/identity.h"
#include "steps.h"
#include "storage/artefact.h"
#include "storage/mounted.h"
#include "storage/superblock.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>

static const char uid[] = "11111111-2222-5333-8444-555555555555";
static struct arena *arena;
static const struct layer_driver *driver;
static const struct layer_step *create, *open_, *close_;
static const char *device, *place, *part;
static struct Layer *want;
static struct LayerFound *label; /* its row: what was recorded of it */

static char *output_of(const char *const *argv)
{
	struct run_result result;
	if (!run_wait(arena, argv, 60000, &result))
		return NULL;
	char *text = arena_text(arena, result.output);
	text[strcspn(text, "\n")] = '\0';
	return text;
}
#define program(...) output_of((const char *const[]){__VA_ARGS__, NULL})

static const char *loop_make(const char *file, const char *size)
{
	cr_assert_not_null(program("truncate", "-s", size, file));
	return program("losetup", "--find", "--show", file);
}

static void type_set(int type)
{
	want = type_new(arena, &type_Layer);
	KNOW(want, Layer, filesystem, type_new(arena, &type_FilesystemLayer));
	KNOW(want->filesystem, FilesystemLayer, type, type);
	label = type_new(arena, &type_LayerFound);
	KNOW(label, LayerFound, layer, "filesystem");
	KNOW(label, LayerFound, path, place);
	KNOW(label, LayerFound, source, choice_filesystem[type]);
}

static void end(void)
{
	while (umount2(place, UMOUNT_NOFOLLOW) == 0)
		;
	if (device)
		program("losetup", "-d", device);
	arena_free(arena);
	scratch_leave();
}

/* Criterion leaves out the end of what is skipped. */
static void skip(const char *why)
{
	end();
	cr_skip_test("%s", why);
}

static void begin(void)
{
	scratch_enter();
	arena = arena_new();
	driver = layer_find("filesystem");
	create = &driver->create;
	open_ = &driver->open;
	close_ = &driver->close;
	cr_assert(file_folders(arena_format(arena, "%s/volumes/%s", scratch, uid), 0700));
	place = arena_format(arena, "%s/volumes/%s/1-filesystem", scratch, uid);
	part = arena_format(arena, "%s/volumes/%s/.1-filesystem.part", scratch, uid);
	type_set(filesystem_ext4);
	device = loop_make("disk", "320M");
	if (!device)
		skip("no loop device can be made here");
}

TestSuite(filesystem, .init = begin, .fini = end);

/* A job on the layer; a manifest is there for creation and opening, the label for all the rest. */
static struct layer_job *job_on(const char *path)
{
	struct identity identity;
	cr_assert(identity_of(arena, path, &identity));
	struct layer_job *job = arena_make(arena, struct layer_job);
	*job = (struct layer_job){.arena = arena,
		.uid = uid,
		.want = want,
		.below = {.path = path, .block = true, .id = identity.id},
		.state_dir = scratch,
		.folder = arena_format(arena, "%s/volumes/%s", scratch, uid),
		.index = 1,
		.recorded = label,
		.found = type_new(arena, &type_LayerFound),
		.lock = -1};
	return job;
}
#define job() job_on(device)

static const char *our_uuid(void)
{
	char *uuid = arena_alloc(arena, UID_SIZE);
	uid_of_layer(uid, 1, uuid);
	return uuid;
}

static struct superblock on_device(void)
{
	struct superblock found;
	FD_SCOPED fd = open(device, O_RDONLY);
	cr_assert(superblock_read(arena, fd, &found));
	return found;
}

static void bytes_write(int64_t at, const char *bytes)
{
	FD_SCOPED fd = open(device, O_WRONLY);
	cr_assert_eq(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
	cr_assert_eq(fsync(fd), 0);
}

static char *bytes_read(void)
{
	return program("sha256sum", "disk");
}

/* Creation, then the label learns of it. */
static void make(void)
{
	struct layer_job *made = job();
	step_done(made, create);
	label = made->found;
}

static void whole_life(int type)
{
	type_set(type);
	struct layer_job *made = job();
	driver->expect(made);
	cr_expect_str_eq(made->found->path, place);
	cr_expect_not(KNOWN(made->found, LayerFound, id));
	step_done(made, create);
	cr_expect_str_eq(made->found->id, arena_format(arena, "fs:%s", our_uuid()));
	cr_expect_not(scratch_has(part));
	label = made->found;
	cr_expect_str_eq(on_device().type, choice_filesystem[type]);
	cr_expect_str_eq(on_device().uuid, our_uuid());

	struct layer_job *seen = job();
	cr_expect_not(driver->observe(seen));
	cr_expect_null(seen->error);
	cr_expect(driver->made(seen));
	step_done(job(), open_);

	seen = job();
	seen->want = NULL;
	cr_assert(driver->observe(seen), "%s", seen->error);
	cr_expect_eq(seen->found->size, 320 << 20);
	struct link link = layer_link(seen);
	cr_expect_str_eq(link.place, place);
	cr_expect_null(link.path);
	cr_expect_eq(access(place, W_OK), 0);
	scratch_write(arena_format(arena, "%s/file", place), "data");

	step_done(job(), close_);
	cr_expect_not(scratch_has(arena_format(arena, "%s/file", place)));
	step_done(job(), open_);
	cr_expect(scratch_has(arena_format(arena, "%s/file", place)));
}

Test(filesystem, ext4_is_made_mounted_and_taken_away)
{
	whole_life(filesystem_ext4);
}

Test(filesystem, xfs_is_made_mounted_and_taken_away)
{
	whole_life(filesystem_xfs);
}

Test(filesystem, no_guest_can_smuggle_a_device_or_a_program_in)
{
	make();
	step_done(job(), open_);
	char *options = program("findmnt", "-n", "-o", "VFS-OPTIONS", place);
	cr_expect(strstr(options, "nodev") && strstr(options, "nosuid") && strstr(options, "noexec"), "%s",
		options);
}

Test(filesystem, what_was_made_is_not_made_again)
{
	make();
	step_done(job(), open_);
	scratch_write(arena_format(arena, "%s/file", place), "data");
	step_done(job(), close_);
	make();
	step_done(job(), open_);
	cr_expect(scratch_has(arena_format(arena, "%s/file", place)));
}

/* Whatever stands on the device stays, to the byte. */
static void refused(const char *words)
{
	const char *before = bytes_read();
	step_fails(job(), create, true, words);
	cr_expect_str_eq(bytes_read(), before);
	cr_expect_not(scratch_has(part));
}

Test(filesystem, data_is_never_written_over)
{
	cr_assert_not_null(program("mkfs.ext4", "-q", device));
	refused("holds ext4 (UUID ");
	cr_assert_not_null(program("mkfs.xfs", "-q", "-f", device));
	refused("holds xfs (UUID ");
	cr_assert_not_null(program("mkswap", "-q", device));
	refused("holds swap (UUID ");
	cr_assert_not_null(program("wipefs", "-q", "-a", device));
	bytes_write(1024 << 10, "x");
	bytes_write(777, "x");
	refused("holds data of an unknown kind");
	bytes_write(777, (char[]){"\0"});
}

Test(filesystem, data_at_the_end_is_data)
{
	bytes_write((320 << 20) - 5, "x");
	refused("holds data of an unknown kind");
}

Test(filesystem, a_partition_table_is_data)
{
	bytes_write(0x1be, "\x80\x01\x01\x01\x83\x02\x03\x04\x01\x01\x01\x01\x01\x02\x01\x01");
	bytes_write(510, "\x55\xaa");
	refused("holds a partition table (dos)");
}

Test(filesystem, the_same_uuid_on_another_type_is_not_ours)
{
	cr_assert_not_null(
		program("mkfs.xfs", "-q", "-m", arena_format(arena, "uuid=%s", our_uuid()), device));
	refused("holds xfs (UUID ");
}

static void interrupted(int type, const char *bytes, int64_t at)
{
	type_set(type);
	scratch_write(part, "");
	if (bytes)
		bytes_write(at, bytes);
	cr_expect_not(driver->made(job()));
	make();
	cr_expect_str_eq(on_device().uuid, our_uuid());
	cr_expect_not(scratch_has(part));
	step_done(job(), open_);
}

Test(filesystem, a_mkfs_that_was_killed_before_its_superblock_is_done_again)
{
	interrupted(filesystem_ext4, "half of an inode table", 70000);
}

Test(filesystem, a_mkfs_that_was_killed_at_its_end_is_done_again)
{
	cr_assert_not_null(
		program("mkfs.xfs", "-q", "-m", arena_format(arena, "uuid=%s", our_uuid()), device));
	interrupted(filesystem_xfs, NULL, 0);
}

Test(filesystem, what_somebody_else_put_there_meanwhile_stays)
{
	scratch_write(part, "");
	cr_assert_not_null(program("mkfs.ext4", "-q", device));
	const char *before = bytes_read();
	step_fails(job(), create, true, "holds ext4 (UUID ");
	cr_expect_str_eq(bytes_read(), before);
}

Test(filesystem, one_that_was_made_and_is_gone_is_lost)
{
	make();
	cr_assert_not_null(program("wipefs", "-q", "-a", device));
	cr_assert_not_null(program("blkdiscard", "-z", "-f", device));
	struct layer_job *seen = job();
	cr_expect_not(driver->made(seen));
	cr_expect_null(seen->error);
	step_fails(job(), open_, true, "does not hold the filesystem");
	cr_assert_not_null(program("mkfs.ext4", "-q", device));
	seen = job();
	cr_expect_not(driver->made(seen));
	cr_expect(seen->error && strstr(seen->error, "holds ext4 (UUID "), "%s", seen->error);
	step_fails(job(), open_, true, "holds ext4 (UUID ");
}

Test(filesystem, a_device_that_dom0_uses_is_left_alone)
{
	cr_assert_not_null(program("mkfs.ext4", "-q", device));
	cr_assert_eq(mkdir("elsewhere", 0700), 0);
	cr_assert_not_null(program("mount", device, "elsewhere"));
	step_fails(job(), create, false, "is in use on this host");
	cr_expect_eq(umount("elsewhere"), 0);
}

Test(filesystem, nothing_is_mounted_over_files_or_through_links)
{
	make();
	cr_assert_eq(mkdir(place, 0700), 0);
	const char *file = arena_format(arena, "%s/file", place);
	scratch_write(file, "somebody's");
	step_fails(job(), open_, true, "is not empty though nothing is mounted there");
	cr_assert_eq(unlink(file), 0);
	cr_assert_eq(rmdir(place), 0);
	cr_assert_eq(symlink("/tmp", place), 0);
	step_fails(job(), open_, true, "is no folder");
	struct layer_job *seen = job();
	cr_expect_not(driver->observe(seen));
	cr_expect(seen->error && strstr(seen->error, "is no folder"), "%s", seen->error);
	cr_assert_eq(unlink(place), 0);
}

Test(filesystem, another_mount_at_the_place_is_told)
{
	make();
	cr_assert_eq(mkdir(place, 0700), 0);
	cr_assert_eq(mount("none", place, "tmpfs", 0, NULL), 0);
	struct layer_job *seen = job();
	cr_expect_not(driver->observe(seen));
	cr_expect(seen->error && strstr(seen->error, "(tmpfs) instead of"), "%s", seen->error);
	cr_assert_eq(umount(place), 0);

	/* a part of the right one */
	cr_assert_eq(mkdir("elsewhere", 0700), 0);
	cr_assert_not_null(program("mount", device, "elsewhere"));
	cr_assert_eq(mount("elsewhere/lost+found", place, NULL, MS_BIND, NULL), 0);
	seen = job();
	cr_expect_not(driver->observe(seen));
	cr_expect(seen->error && strstr(seen->error, "/lost+found of device"), "%s", seen->error);
	cr_expect_eq(umount(place), 0);
	cr_expect_eq(umount("elsewhere"), 0);
}

Test(filesystem, one_that_fell_back_to_read_only_is_told)
{
	make();
	step_done(job(), open_);
	cr_assert_eq(mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	struct layer_job *seen = job();
	cr_expect_not(driver->observe(seen));
	cr_expect(seen->error && strstr(seen->error, "read-only after an error"), "%s", seen->error);
	cr_expect(strstr(seen->hint, "fsck"), "%s", seen->hint);
}

Test(filesystem, who_holds_it_is_named)
{
	make();
	step_done(job(), open_);
	const char *file = arena_format(arena, "%s/disk", place);
	FD_SCOPED fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	step_fails(job(), close_, false, arena_format(arena, "(pid %d)", getpid()));
	cr_assert_eq(ftruncate(fd, 1 << 20), 0);
	close(fd_take(&fd));
	const char *loop = program("losetup", "--find", "--show", file);
	cr_assert_not_null(loop);
	step_fails(job(), close_, false, loop + strlen("/dev/"));
	cr_expect_not_null(program("losetup", "-d", loop));
	step_done(job(), close_);
}

Test(filesystem, a_mount_that_fails_says_what_to_do)
{
	make();
	/* the signs stand, what they speak of does not */
	bytes_write(1024 + 0x20, "\xff\xff\xff\xff");
	step_fails(job(), open_, false, "cannot be mounted");
	cr_expect(strstr(job()->below.path, "/dev/loop"));
}

Test(filesystem, a_missing_program_is_said)
{
	char *path = arena_text(arena, getenv("PATH"));
	setenv("PATH", "/nowhere", 1);
	struct layer_job *made = job();
	cr_expect_not(step_run(made, create));
	cr_expect(strstr(made->error, "mkfs.ext4"), "%s", made->error);
	setenv("PATH", path, 1);
	cr_expect(scratch_has(part));
	make();
}

static void grows(int type)
{
	enum { LARGER = 640 << 20 };
	type_set(type);
	make();
	step_done(job(), open_);
	cr_assert_not_null(program("truncate", "-s", "640M", "disk"));
	cr_assert_not_null(program("losetup", "-c", device));
	struct layer_job *seen = job();
	cr_assert(driver->observe(seen), "%s", seen->error);
	cr_expect_leq(seen->found->size, 320 << 20, "%ld", (long)seen->found->size);
	struct layer_job *grown = job();
	KNOW(grown->found, LayerFound, size, LARGER);
	step_done(grown, &driver->grow);
	cr_expect_eq(grown->found->size, LARGER, "%ld", (long)grown->found->size);
	step_done(job(), &driver->grow);
	KNOW(grown->found, LayerFound, size, 2 * (int64_t)LARGER);
	step_fails(grown, &driver->grow, false, "after it grew, instead of 1280MiB");
}

Test(filesystem, xfs_grows_with_its_device)
{
	grows(filesystem_xfs);
}

Test(filesystem, ext4_grows_too)
{
	if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) != 1)
		skip("the kernel lets nobody here resize an ext4");
	grows(filesystem_ext4);
}

Test(filesystem, removal_takes_our_sign_and_nobody_elses)
{
	make();
	step_done(job(), &driver->remove);
	struct superblock left = on_device();
	cr_expect(left.kind == SUPERBLOCK_UNKNOWN || left.kind == SUPERBLOCK_NONE);
	step_done(job(), &driver->remove);
	cr_assert_not_null(program("mkfs.ext4", "-q", device));
	step_done(job(), &driver->remove);
	cr_expect_eq(on_device().kind, SUPERBLOCK_FILESYSTEM);
}

Test(filesystem, removal_of_a_mounted_one_is_refused)
{
	make();
	step_done(job(), open_);
	step_fails(job(), &driver->remove, false, "is in use on this host");
}

Test(filesystem, a_device_that_became_another_is_noticed)
{
	struct layer_job *made = job();
	made->below.id = "b:7:255";
	step_fails(made, create, false, "is another device");
	cr_expect_eq(on_device().kind, SUPERBLOCK_NONE);
	made = job();
	made->below.path = NULL;
	step_fails(made, create, true, "there is no device below");
}

Test(filesystem, names_in_the_folder)
{
	cr_expect_eq(artefact_kind(".1-filesystem.part"), ARTEFACT_PART);
	cr_expect_eq(artefact_kind("1-filesystem"), ARTEFACT_PLACE);
	cr_expect_eq(artefact_kind(".1-nbd.part"), ARTEFACT_OTHER);
	cr_expect_eq(artefact_kind(".filesystem.part"), ARTEFACT_OTHER);
	cr_expect_eq(artefact_kind(".part"), ARTEFACT_OTHER);
	cr_expect_eq(artefact_kind("1-filesystem.part"), ARTEFACT_OTHER);
}
