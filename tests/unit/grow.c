/* Volumes that grow on real storage: files, loop devices and filesystems, in the order in which a plan asks
 * for it. Without the right to bind loop devices or to mount, the tests that need one say so and end. */
#include "base/loop.h"
#include "model/quantity.h"
#include "model/want.h"
#include "scratch.h"
#include "storage/storage.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { SIZE = 16 << 20, LARGER = 48 << 20, DISK = 320 << 20, LARGER_DISK = 640 << 20 };
static char uid[37]; /* of this process alone: tests run side by side, and loop devices are the host's */
static struct arena *arena;
static struct runner *runner;
static struct storage *storage;
static const char *state, *folder;

static void begin(void)
{
	REPORT_SCOPED report = report_new();
	scratch_enter();
	snprintf(uid, sizeof(uid), "%08x-3333-5333-8444-555555555555", (unsigned)getpid());
	arena = arena_new();
	runner = runner_new();
	state = arena_format(arena, "%s/state", scratch);
	folder = arena_format(arena, "%s/volumes/%s", state, uid);
	storage = storage_real(&(struct storage_options){.state_dir = state,
				       .run_dir = arena_format(arena, "%s/run", scratch),
				       .owner = "default",
				       .runner = runner},
		report);
	cr_assert_not_null(storage);
}

/* After a failed test, too: what stays bound outlives the scratch folder. */
static void end(void)
{
	struct list loops = {0};
	umount2(arena_format(arena, "%s/2-filesystem", folder), MNT_DETACH);
	loop_list(arena, "", &loops);
	for (uint32_t i = 0; i < loops.count; i++) {
		const struct loop *loop = loops.item[i];
		if (strstr(loop->mark, uid) && !loop_detach(loop) && errno != ENXIO)
			fprintf(stderr, "grow: %s stays bound\n", loop->device);
	}
	storage->driver->close(storage);
	runner_free(runner);
	arena_free(arena);
	scratch_leave();
}

TestSuite(grow, .init = begin, .fini = end);

/* Manifests. */

static struct wanted_volume *volume_make(void)
{
	struct wanted_volume *volume = arena_make(arena, struct wanted_volume);
	struct object *object = arena_make(arena, struct object);
	object->kind = KIND_VOLUME;
	object->name = "data";
	*volume = (struct wanted_volume){.name = "data", .object = object, .reclaim = reclaim_Retain};
	strcpy(volume->uid, uid);
	return volume;
}

static struct Layer *layer_add(struct wanted_volume *volume)
{
	struct Layer *layer = type_new(arena, &type_Layer);
	list_add(arena, &volume->chain, layer);
	return layer;
}

static struct FileLayer *add_file(struct wanted_volume *volume, int format, int64_t size)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, file, type_new(arena, &type_FileLayer));
	KNOW(layer->file, FileLayer, size, size);
	KNOW(layer->file, FileLayer, format, format);
	return layer->file;
}

static void add_overlay(struct wanted_volume *volume, int64_t size)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, overlay, type_new(arena, &type_OverlayLayer));
	KNOW(layer->overlay, OverlayLayer, size, size);
}

static void add_loop(struct wanted_volume *volume, int64_t offset)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, loop, type_new(arena, &type_LoopLayer));
	if (offset)
		KNOW(layer->loop, LoopLayer, offset, offset);
}

static void add_filesystem(struct wanted_volume *volume)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, filesystem, type_new(arena, &type_FilesystemLayer));
	/* what the kernel asks of who lets an ext4 grow, not every container has */
	const bool may = prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1;
	KNOW(layer->filesystem, FilesystemLayer, type, may ? filesystem_ext4 : filesystem_xfs);
}

static void size_set(const struct wanted_volume *volume, uint32_t layer, int64_t size)
{
	struct Layer *want = volume->chain.item[layer];
	if (want->file)
		want->file->size = size;
	else
		want->overlay->size = size;
}

/* Actions. */

static struct finished act(enum verb verb, const struct wanted_volume *volume, uint32_t layer)
{
	struct Label *label = type_new(arena, &type_Label);
	KNOW(label, Label, owner, "default");
	KNOW(label, Label, kind, "Volume");
	KNOW(label, Label, name, volume->name);
	KNOW(label, Label, uid, volume->uid);
	KNOW(label, Label, source, "/etc/xensteer/manifests");
	const struct action action = {
		.id = 7, .verb = verb, .volume = volume, .uid = volume->uid, .label = label, .layer = layer};
	struct finished done = {.arena = arena};
	struct links links = {.arena = arena};
	storage->driver->begin(storage, &action, &links);
	const int64_t until = runner_now() + 60000;
	while (!storage->driver->reap(storage, &done)) {
		cr_assert_lt(runner_now(), until);
		runner_wait(runner, until);
	}
	return done;
}

static void expect_done(struct finished done)
{
	cr_assert_eq(done.outcome, OUTCOME_DONE, "%s", done.message);
}

static void expect_failed(struct finished done, enum outcome outcome, const char *words)
{
	cr_assert_eq(done.outcome, outcome, "%s", done.message);
	cr_assert(strstr(done.message, words), "'%s' does not say '%s'", done.message, words);
}

#define create(volume, layer) expect_done(act(verb_volume_create, volume, layer))
#define open_layer(volume, layer) expect_done(act(verb_volume_open, volume, layer))
#define close_layer(volume, layer) expect_done(act(verb_volume_close, volume, layer))
#define grow(volume, layer) act(verb_volume_grow, volume, layer)

/* What is found of a layer, and what its label says: bytes, -1 where it says nothing. */
static void expect_sizes(uint32_t layer, int64_t found, int64_t recorded)
{
	HAVE_SCOPED have = have_new();
	storage->driver->observe(storage, NULL, have);
	cr_assert_eq(have->found->volumes.count, 1);
	const struct HaveVolume *volume = have->found->volumes.item[0];
	cr_assert_gt(volume->chain.count, layer, "%s", volume->problem);
	const struct LayerFound *row = volume->chain.item[layer], *label = volume->label->chain.item[layer];
	cr_expect_eq(row->size, found, "layer %u has %lld", layer, (long long)row->size);
	cr_expect_eq(KNOWN(label, LayerFound, size) ? label->size : -1, recorded,
		"layer %u: its label says %lld", layer, (long long)label->size);
}

static void put(const char *name, off_t at, const char *bytes)
{
	FD_SCOPED fd = open(arena_format(arena, "%s/%s", folder, name), O_WRONLY | O_CLOEXEC);
	cr_assert_eq(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
}

static void expect_bytes(const char *name, off_t at, const char *bytes)
{
	char found[64] = {0};
	FD_SCOPED fd = open(arena_format(arena, "%s/%s", folder, name), O_RDONLY | O_CLOEXEC);
	cr_assert_eq(pread(fd, found, strlen(bytes), at), (ssize_t)strlen(bytes));
	cr_expect_str_eq(found, bytes);
}

Test(grow, a_raw_file_grows_by_a_hole_and_keeps_what_is_in_it)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw, SIZE);
	create(volume, 0);
	put("0-file.raw", SIZE - 4, "last");
	size_set(volume, 0, LARGER);
	struct finished done = grow(volume, 0);
	expect_done(done);
	cr_expect_eq(done.link.size, LARGER, "the guest's disk is that large");
	expect_sizes(0, LARGER, LARGER);
	expect_bytes("0-file.raw", SIZE - 4, "last");
	struct stat status;
	cr_assert_eq(stat(arena_format(arena, "%s/0-file.raw", folder), &status), 0);
	cr_expect_lt(status.st_blocks * 512, SIZE, "it is a hole");
	expect_done(grow(volume, 0));
	expect_sizes(0, LARGER, LARGER);
}

Test(grow, nothing_is_ever_made_smaller)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw, LARGER);
	create(volume, 0);
	size_set(volume, 0, SIZE);
	expect_failed(
		grow(volume, 0), OUTCOME_TERMINAL, "would lose data with 16MiB: it is not made smaller");
	expect_sizes(0, LARGER, LARGER);
}

Test(grow, reserved_space_stays_reserved)
{
	struct wanted_volume *volume = volume_make();
	struct FileLayer *file = add_file(volume, disk_format_raw, SIZE);
	KNOW(file, FileLayer, preallocation, preallocation_full);
	create(volume, 0);
	size_set(volume, 0, LARGER);
	expect_done(grow(volume, 0));
	struct stat status;
	cr_assert_eq(stat(arena_format(arena, "%s/0-file.raw", folder), &status), 0);
	cr_expect_geq(status.st_blocks * 512, LARGER);
}

Test(grow, a_qcow2_file_grows)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_qcow2, SIZE);
	create(volume, 0);
	size_set(volume, 0, LARGER);
	struct finished done = grow(volume, 0);
	expect_done(done);
	cr_expect_eq(done.link.format, disk_format_qcow2);
	expect_sizes(0, LARGER, LARGER);
}

Test(grow, an_overlay_grows_beyond_its_base_which_stays)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw, SIZE);
	add_overlay(volume, SIZE);
	create(volume, 0);
	create(volume, 1);
	size_set(volume, 1, LARGER);
	expect_done(grow(volume, 1));
	expect_sizes(0, SIZE, SIZE);
	expect_sizes(1, LARGER, LARGER);
}

/* A process that has the file open, for so many seconds; 0: until it is killed. */
static pid_t holder(const char *name, unsigned seconds)
{
	const char *path = arena_format(arena, "%s/%s", folder, name);
	int ready[2];
	cr_assert_eq(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		int fd = open(path, O_RDWR);
		if (fd < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		usleep(seconds ? seconds * 1000000 : 60000000);
		_exit(0);
	}
	char byte;
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

Test(grow, a_qcow2_that_somebody_has_open_is_left_alone)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_qcow2, SIZE);
	create(volume, 0);
	size_set(volume, 0, LARGER);
	pid_t child = holder("0-file.qcow2", 0);
	expect_failed(grow(volume, 0), OUTCOME_TRANSIENT,
		arena_format(arena, "(process %d) has it open", (int)child));
	expect_sizes(0, SIZE, SIZE);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	expect_done(grow(volume, 0));
	expect_sizes(0, LARGER, LARGER);
}

Test(grow, who_is_about_to_end_is_waited_for)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_qcow2, SIZE);
	create(volume, 0);
	size_set(volume, 0, LARGER);
	pid_t child = holder("0-file.qcow2", 1);
	expect_done(grow(volume, 0));
	waitpid(child, NULL, 0);
	expect_sizes(0, LARGER, LARGER);
}

/* Is there a loop device to be had? */
static bool may_loop(void)
{
	FD_SCOPED control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control >= 0)
		return true;
	fprintf(stderr, "grow: no /dev/loop-control for this user: not tried\n");
	return false;
}

Test(grow, a_loop_device_takes_the_size_of_its_file)
{
	enum { OFFSET = 1 << 20 };
	if (!may_loop())
		return;
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw, SIZE);
	add_loop(volume, OFFSET);
	create(volume, 0);
	open_layer(volume, 1);
	expect_sizes(1, SIZE - OFFSET, -1);
	size_set(volume, 0, LARGER);
	expect_done(grow(volume, 0));
	expect_sizes(1, SIZE - OFFSET, -1);
	expect_done(grow(volume, 1));
	expect_sizes(1, LARGER - OFFSET, -1);
	close_layer(volume, 1);
	expect_failed(grow(volume, 1), OUTCOME_TRANSIENT, "layer 1 (loop) of");
}

Test(grow, a_partition_is_not_ours_to_grow)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw, SIZE);
	add_loop(volume, 0);
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, partition, type_new(arena, &type_PartitionLayer));
	KNOW(layer->partition, PartitionLayer, number, 1);
	create(volume, 0);
	const enum outcome outcome = grow(volume, 2).outcome;
	cr_expect_neq(outcome, OUTCOME_DONE);
	if (!may_loop())
		return;
	open_layer(volume, 1);
	expect_failed(grow(volume, 2), OUTCOME_TRANSIENT, "layer 2 (partition) of");
}

/* file <- loop <- filesystem, mounted; false: that may not be done here. */
static bool mounted_make(struct wanted_volume *volume)
{
	if (!may_loop())
		return false;
	add_file(volume, disk_format_raw, DISK);
	add_loop(volume, 0);
	add_filesystem(volume);
	create(volume, 0);
	open_layer(volume, 1);
	create(volume, 2);
	const struct finished done = act(verb_volume_open, volume, 2);
	if (done.outcome != OUTCOME_DONE)
		fprintf(stderr, "grow: nothing can be mounted here: %s\n", done.message);
	return done.outcome == OUTCOME_DONE;
}

/* The label of the file tells last, so that an interruption is seen even where nothing is mounted any more.
 */
Test(grow, a_filesystem_grows_while_it_is_mounted_and_the_label_learns_it_last)
{
	struct wanted_volume *volume = volume_make();
	if (!mounted_make(volume))
		return;
	scratch_write(arena_format(arena, "%s/2-filesystem/kept", folder), "kept");
	size_set(volume, 0, LARGER_DISK);
	expect_done(grow(volume, 0));
	expect_sizes(0, LARGER_DISK, DISK);
	expect_done(grow(volume, 1));
	expect_sizes(0, LARGER_DISK, DISK);
	expect_done(grow(volume, 2));
	expect_sizes(0, LARGER_DISK, LARGER_DISK);
	expect_sizes(2, LARGER_DISK, LARGER_DISK);
	cr_expect(scratch_has(arena_format(arena, "%s/2-filesystem/kept", folder)));
}

Test(grow, what_was_cut_short_goes_on_after_a_reboot_of_dom0)
{
	struct wanted_volume *volume = volume_make();
	if (!mounted_make(volume))
		return;
	size_set(volume, 0, LARGER_DISK);
	expect_done(grow(volume, 0));
	close_layer(volume, 2);
	close_layer(volume, 1);
	expect_sizes(0, LARGER_DISK, DISK);
	expect_done(grow(volume, 0));
	expect_sizes(0, LARGER_DISK, DISK);
	open_layer(volume, 1);
	expect_sizes(1, LARGER_DISK, -1);
	expect_failed(grow(volume, 2), OUTCOME_TRANSIENT, "layer 2 (filesystem) of");
	open_layer(volume, 2);
	expect_done(grow(volume, 2));
	expect_sizes(0, LARGER_DISK, LARGER_DISK);
	expect_sizes(2, LARGER_DISK, LARGER_DISK);
}

Test(grow, another_owners_volume_and_a_layer_of_another_kind_are_not_touched)
{
	struct wanted_volume *volume = volume_make(), *other = volume_make();
	add_file(volume, disk_format_raw, SIZE);
	create(volume, 0);
	add_overlay(other, LARGER);
	expect_failed(grow(other, 0), OUTCOME_TERMINAL, "is not overlay, as it is wanted now");
	const char *label = arena_format(arena, "%s/volume.json", folder);
	char *text = file_read(arena, label, 1 << 16, NULL), *owner = strstr(text, "\"default\"");
	cr_assert_not_null(owner);
	memcpy(owner, "\"another\"", strlen("\"another\""));
	scratch_write(label, text);
	size_set(volume, 0, LARGER);
	expect_failed(grow(volume, 0), OUTCOME_TERMINAL, "belongs to owner another");
}
