/* Layers that are devices: loop and partition with the kernel's own loop devices, block, and who uses a
 * device. Without the right to bind loop devices the tests that need one say so and end. */
#include "base/loop.h"
#include "model/want.h"
#include "scratch.h"
#include "storage/device.h"
#include "storage/storage.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

enum { SECTOR = 512, SIZE = 16 << 20 };
static char uid[37]; /* of this process alone: tests run side by side, and loop devices are the host's */
static struct arena *arena;
static struct runner *runner;
static struct storage *storage;
static struct texts devices;                      /* of the host's policy */
static const char *state, *folder, *raw, *theirs; /* a loop device that is not ours */

static struct storage *storage_make(const char *root)
{
	REPORT_SCOPED report = report_new();
	struct storage *made = storage_real(&(struct storage_options){.state_dir = state,
						    .run_dir = arena_format(arena, "%s/run", scratch),
						    .owner = "default",
						    .root = root,
						    .devices = &devices,
						    .runner = runner},
		report);
	cr_assert_not_null(made);
	return made;
}

static void begin(void)
{
	scratch_enter();
	snprintf(uid, sizeof(uid), "%08x-2222-5333-8444-555555555555", (unsigned)getpid());
	arena = arena_new();
	runner = runner_new();
	state = arena_format(arena, "%s/state", scratch);
	folder = arena_format(arena, "%s/volumes/%s", state, uid);
	raw = arena_format(arena, "%s/0-file.raw", folder);
	devices = (struct texts){.item = arena_array(arena, const char *, 4), .count = 0};
}

/* After a failed test, too: what stays bound outlives the scratch folder. */
static void loops_end(void)
{
	struct list loops = {0};
	loop_list(arena, "", &loops);
	for (int pass = 0; pass < 2; pass++) /* one may stand on another */
		for (uint32_t i = 0; i < loops.count; i++) {
			const struct loop *loop = loops.item[loops.count - 1 - i];
			if (strstr(loop->mark, uid) && !loop_detach(loop) && errno != ENXIO)
				fprintf(stderr, "devices: %s stays bound\n", loop->device);
		}
}

static void end(void)
{
	struct run_result result;
	const char *const release[] = {"losetup", "-d", theirs, NULL};
	loops_end();
	if (theirs)
		cr_expect(run_wait(arena, release, 10000, &result));
	if (storage)
		storage->driver->close(storage);
	runner_free(runner);
	arena_free(arena);
	scratch_leave();
}

TestSuite(devices, .init = begin, .fini = end);

/* Is there a loop device to be had? */
static bool may_loop(void)
{
	FD_SCOPED control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control >= 0)
		return true;
	fprintf(stderr, "devices: no /dev/loop-control for this user: not tried\n");
	return false;
}

/* Manifests. */

static struct wanted_volume *volume_make(void)
{
	struct wanted_volume *volume = arena_make(arena, struct wanted_volume);
	struct object *object = arena_make(arena, struct object);
	object->kind = KIND_VOLUME;
	object->name = "data";
	*volume = (struct wanted_volume){.name = "data", .object = object, .reclaim = reclaim_Delete};
	strcpy(volume->uid, uid);
	return volume;
}

static struct Layer *layer_add(struct wanted_volume *volume)
{
	struct Layer *layer = type_new(arena, &type_Layer);
	list_add(arena, &volume->chain, layer);
	return layer;
}

static void add_file(struct wanted_volume *volume, int format)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, file, type_new(arena, &type_FileLayer));
	KNOW(layer->file, FileLayer, size, SIZE);
	KNOW(layer->file, FileLayer, format, format);
}

static void add_loop(struct wanted_volume *volume, int64_t offset)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, loop, type_new(arena, &type_LoopLayer));
	if (offset)
		KNOW(layer->loop, LoopLayer, offset, offset);
}

static void add_partition(struct wanted_volume *volume, int64_t number)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, partition, type_new(arena, &type_PartitionLayer));
	KNOW(layer->partition, PartitionLayer, number, number);
}

static void add_block(struct wanted_volume *volume, const char *path)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, block, type_new(arena, &type_BlockLayer));
	KNOW(layer->block, BlockLayer, path, path);
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
	struct action action = {
		.id = 7, .verb = verb, .volume = volume, .uid = volume->uid, .label = label, .layer = layer};
	struct finished done = {.arena = arena};
	struct links links = {.arena = arena};
	if (!storage)
		storage = storage_make("");
	storage->driver->begin(storage, &action, &links);
	const int64_t until = runner_now() + 60000;
	while (!storage->driver->reap(storage, &done)) {
		cr_assert_lt(runner_now(), until);
		runner_wait(runner, until);
	}
	return done;
}

static const struct link *expect_done(struct finished done)
{
	struct finished *kept = arena_make(arena, struct finished);
	*kept = done;
	cr_assert_eq(done.outcome, OUTCOME_DONE, "%s", done.message);
	return &kept->link;
}

static void expect_failed(struct finished done, enum outcome outcome, const char *words)
{
	cr_assert_eq(done.outcome, outcome, "%s", done.message);
	cr_assert(strstr(done.message, words), "'%s' does not say '%s'", done.message, words);
}

#define create(volume, layer) act(verb_volume_create, volume, layer)
#define open_layer(volume, layer) act(verb_volume_open, volume, layer)
#define close_layer(volume, layer) act(verb_volume_close, volume, layer)
#define remove_volume(volume) act(verb_volume_remove, volume, 0)

/* `layers`: how many of it are there, and open */
static void expect_state(int volume_state, uint32_t layers)
{
	HAVE_SCOPED have = have_new();
	storage->driver->observe(storage, NULL, have);
	cr_assert_eq(have->found->volumes.count, 1);
	const struct HaveVolume *volume = have->found->volumes.item[0];
	cr_assert_eq(
		volume->state, volume_state, "%s: %s", choice_volume_state[volume->state], volume->problem);
	uint32_t there = 0;
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct LayerFound *found = volume->chain.item[i];
		there += !KNOWN(found, LayerFound, open) || found->open;
	}
	cr_expect_eq(there, layers);
}

static uint32_t loops_of_ours(void)
{
	struct list loops = {0};
	uint32_t count = 0;
	loop_list(arena, "", &loops);
	for (uint32_t i = 0; i < loops.count; i++)
		count += strstr(((struct loop *)loops.item[i])->mark, uid) != NULL;
	return count;
}

/* Bytes in and out, at a place of a file or device. */

static void put(const char *path, off_t at, const void *bytes, size_t size)
{
	FD_SCOPED fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(pwrite(fd, bytes, size, at), (ssize_t)size);
	cr_assert_eq(fsync(fd), 0);
}

static void expect_bytes(const char *path, off_t at, const char *bytes)
{
	char found[64] = {0};
	FD_SCOPED fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(pread(fd, found, strlen(bytes), at), (ssize_t)strlen(bytes));
	cr_expect_str_eq(found, bytes);
}

struct entry {
	unsigned kind, first, count; /* sectors */
};

/* An MBR with up to four partitions. */
static void put_table(const char *path, const struct entry *entries, size_t count)
{
	unsigned char sector[SECTOR] = {[510] = 0x55, [511] = 0xaa};
	for (size_t i = 0; i < count; i++) {
		unsigned char *at = sector + 446 + 16 * i;
		at[4] = (unsigned char)entries[i].kind;
		for (int byte = 0; byte < 4; byte++) {
			at[8 + byte] = (unsigned char)(entries[i].first >> 8 * byte);
			at[12 + byte] = (unsigned char)(entries[i].count >> 8 * byte);
		}
	}
	put(path, 0, sector, sizeof(sector));
}

static int claim(const char *device)
{
	const int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
	cr_assert_geq(fd, 0, "%s", device);
	return fd;
}

Test(devices, a_loop_shows_the_file_and_is_found_closed_and_opened_again)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw);
	add_loop(volume, 0);
	if (!may_loop())
		return;
	expect_done(create(volume, 0));
	expect_state(volume_state_closed, 1);
	const struct link *link = expect_done(open_layer(volume, 1));
	cr_expect(link->block);
	cr_expect_eq(link->size, SIZE);
	cr_expect_eq(link->format, disk_format_raw);
	cr_expect(text_starts(link->id, "b:7:"));
	expect_state(volume_state_complete, 2);
	put(link->path, 4096, "written", 7);

	const struct link *again = expect_done(open_layer(volume, 1));
	cr_expect_str_eq(again->path, link->path);
	cr_expect_eq(loops_of_ours(), 1);

	expect_failed(remove_volume(volume), OUTCOME_TRANSIENT, "still open");
	expect_done(close_layer(volume, 1));
	cr_expect_eq(loops_of_ours(), 0);
	expect_bytes(raw, 4096, "written");
	expect_state(volume_state_closed, 1);
	expect_done(close_layer(volume, 1));
	expect_done(remove_volume(volume));
	cr_expect_not(scratch_has(folder));
}

Test(devices, a_loop_begins_at_its_offset_and_not_beyond_the_end)
{
	struct wanted_volume *volume = volume_make(), *beyond = volume_make();
	add_file(volume, disk_format_raw);
	add_loop(volume, 1 << 20);
	add_file(beyond, disk_format_raw);
	add_loop(beyond, SIZE);
	if (!may_loop())
		return;
	expect_done(create(volume, 0));
	const struct link *link = expect_done(open_layer(volume, 1));
	cr_expect_eq(link->size, SIZE - (1 << 20));
	put(link->path, 0, "here", 4);
	expect_done(close_layer(volume, 1));
	expect_bytes(raw, 1 << 20, "here");
	expect_failed(open_layer(beyond, 1), OUTCOME_TERMINAL, "ends at 16MiB, before the offset 16MiB");
}

Test(devices, a_loop_on_qcow2_is_refused)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_qcow2);
	add_loop(volume, 0);
	expect_done(create(volume, 0));
	expect_failed(open_layer(volume, 1), OUTCOME_TERMINAL, "loop shows the bytes of the file");
	cr_expect_eq(loops_of_ours(), 0);
}

Test(devices, a_loop_of_somebody_else_is_neither_taken_nor_touched)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw);
	add_loop(volume, 0);
	if (!may_loop())
		return;
	expect_done(create(volume, 0));
	struct run_result result;
	const char *const argv[] = {"losetup", "--find", "--show", raw, NULL};
	cr_assert(run_wait(arena, argv, 10000, &result));
	theirs = arena_copy(arena, result.output, strcspn(result.output, "\n"));
	expect_state(volume_state_closed, 1);
	const struct link *link = expect_done(open_layer(volume, 1));
	cr_expect_str_neq(link->path, theirs);
	expect_done(close_layer(volume, 1));
	struct list loops = {0};
	bool there = false;
	loop_list(arena, "", &loops);
	for (uint32_t i = 0; i < loops.count; i++)
		there |= text_equal(((struct loop *)loops.item[i])->device, theirs);
	cr_expect(there);
}

Test(devices, what_is_in_use_is_not_closed)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw);
	add_loop(volume, 0);
	if (!may_loop())
		return;
	expect_done(create(volume, 0));
	const struct link *link = expect_done(open_layer(volume, 1));
	int fd = claim(link->path);
	expect_failed(close_layer(volume, 1), OUTCOME_TRANSIENT, "has it open");
	cr_expect_eq(loops_of_ours(), 1);
	expect_state(volume_state_complete, 2);
	close(fd);
	expect_done(close_layer(volume, 1));
	cr_expect_eq(loops_of_ours(), 0);
}

Test(devices, who_looks_for_a_moment_is_waited_for)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw);
	add_loop(volume, 0);
	if (!may_loop())
		return;
	expect_done(create(volume, 0));
	const struct link *link = expect_done(open_layer(volume, 1));
	int ready[2];
	cr_assert_eq(pipe(ready), 0);
	const pid_t child = fork();
	if (child == 0) {
		const int fd = open(link->path, O_RDONLY | O_CLOEXEC);
		(void)!write(ready[1], "", fd >= 0);
		usleep(300000);
		_exit(0);
	}
	char byte;
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	expect_done(close_layer(volume, 1));
	cr_expect_eq(loops_of_ours(), 0);
	cr_expect_eq(waitpid(child, NULL, 0), child);
}

Test(devices, a_partition_is_found_in_the_table_and_shown)
{
	static const struct entry table[] = {{0x83, 2048, 4096}, {0x83, 8192, 8192}};
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw);
	add_loop(volume, 0);
	add_partition(volume, 2);
	if (!may_loop())
		return;
	expect_done(create(volume, 0));
	put_table(raw, table, 2);
	put(raw, 8192 * SECTOR, "second", 6);
	expect_done(open_layer(volume, 1));
	expect_state(volume_state_closed, 2);
	const struct link *link = expect_done(open_layer(volume, 2));
	cr_expect_eq(link->size, 8192 * SECTOR);
	cr_expect(link->block);
	expect_bytes(link->path, 0, "second");
	expect_state(volume_state_complete, 3);
	expect_failed(close_layer(volume, 1), OUTCOME_TRANSIENT, "layer 2 (partition)");
	expect_done(close_layer(volume, 2));
	expect_done(close_layer(volume, 1));
	cr_expect_eq(loops_of_ours(), 0);
}

static struct finished open_partition(int64_t number, const struct entry *table, size_t count)
{
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw);
	add_loop(volume, 0);
	add_partition(volume, number);
	expect_done(create(volume, 0));
	if (count)
		put_table(raw, table, count);
	expect_done(open_layer(volume, 1));
	struct finished done = open_layer(volume, 2);
	cr_expect_eq(loops_of_ours(), 1);
	return done;
}

Test(devices, a_partition_that_is_not_there_is_said_with_those_that_are)
{
	static const struct entry table[] = {{0x83, 2048, 4096}, {0x83, 8192, 8192}};
	if (may_loop())
		expect_failed(open_partition(3, table, 2), OUTCOME_TERMINAL,
			"has no partition 3: there are 1 (2MiB), 2 (4MiB)");
}

Test(devices, a_device_without_a_table_has_no_partition)
{
	if (may_loop())
		expect_failed(open_partition(1, NULL, 0), OUTCOME_TERMINAL,
			"there is no partition table on /dev/loop");
}

Test(devices, a_partition_beyond_the_end_is_refused)
{
	static const struct entry table[] = {{0x83, 2048, 0xf0000000}};
	if (may_loop())
		expect_failed(open_partition(1, table, 1), OUTCOME_TERMINAL, "does not lie within it");
}

Test(devices, what_stands_on_a_device_that_came_under_another_number_is_bound_anew)
{
	static const struct entry table[] = {{0x83, 2048, 4096}};
	struct wanted_volume *volume = volume_make();
	add_file(volume, disk_format_raw);
	add_loop(volume, 0);
	add_partition(volume, 1);
	if (!may_loop())
		return;
	expect_done(create(volume, 0));
	put_table(raw, table, 1);
	/* a partition of ours on a device that is not what is below any more */
	const char *other = arena_format(arena, "%s/other", scratch);
	scratch_write(other, "");
	cr_assert_eq(truncate(other, SIZE), 0);
	FD_SCOPED fd = open(other, O_RDWR | O_CLOEXEC);
	cr_assert_geq(loop_attach("", &(struct loop_wish){.file = fd,
					      .mark = arena_format(arena, "xensteer:%s:2", uid)}),
		0);
	expect_done(open_layer(volume, 1));
	expect_state(volume_state_closed, 2);
	expect_done(open_layer(volume, 2));
	cr_expect_eq(loops_of_ours(), 2);
	expect_done(close_layer(volume, 2));
	expect_done(close_layer(volume, 1));
	cr_expect_eq(loops_of_ours(), 0);
}

/* A block device, which the kernel's loop devices play. */

static const char *a_device(void)
{
	const char *file = arena_format(arena, "%s/disk", scratch);
	scratch_write(file, "");
	cr_assert_eq(truncate(file, SIZE), 0);
	FD_SCOPED fd = open(file, O_RDWR | O_CLOEXEC);
	const int number = loop_attach(
		"", &(struct loop_wish){.file = fd, .mark = arena_format(arena, "xensteer:%s:99", uid)});
	cr_assert_geq(number, 0);
	const char *device = arena_format(arena, "/dev/loop%d", number);
	devices.item[devices.count++] = device;
	return device;
}

Test(devices, a_block_device_is_taken_as_it_is_and_stays)
{
	struct wanted_volume *volume = volume_make();
	if (!may_loop())
		return;
	const char *device = a_device();
	add_block(volume, device);
	const struct link *link = expect_done(create(volume, 0));
	cr_expect_str_eq(link->path, device);
	cr_expect_eq(link->size, SIZE);
	cr_expect(link->block);
	expect_state(volume_state_complete, 1);
	put(device, 0, "kept", 4);
	expect_done(remove_volume(volume));
	expect_bytes(device, 0, "kept");
	cr_expect_eq(loops_of_ours(), 1);
}

Test(devices, a_partition_of_a_block_device)
{
	static const struct entry table[] = {{0x83, 2048, 4096}};
	struct wanted_volume *volume = volume_make();
	if (!may_loop())
		return;
	const char *device = a_device();
	put_table(device, table, 1);
	add_block(volume, device);
	add_partition(volume, 1);
	expect_done(create(volume, 0));
	const struct link *link = expect_done(open_layer(volume, 1));
	cr_expect_eq(link->size, 4096 * SECTOR);
	/* with a layer of ours on it, too */
	expect_done(create(volume, 0));
	expect_done(close_layer(volume, 1));
	cr_expect_eq(loops_of_ours(), 1);
}

static void expect_block_refused(const char *path, enum outcome outcome, const char *words)
{
	struct wanted_volume *volume = volume_make();
	add_block(volume, path);
	expect_failed(create(volume, 0), outcome, words);
	cr_expect_not(scratch_has(arena_format(arena, "%s/volume.json", folder)));
}

Test(devices, what_is_no_block_device_is_refused)
{
	devices.item[devices.count++] = scratch;
	scratch_write("file", "text");
	expect_block_refused(arena_format(arena, "%s/file", scratch), OUTCOME_TERMINAL, "is no block device");
	expect_block_refused(arena_format(arena, "%s/none", scratch), OUTCOME_TRANSIENT, "is not there");
	cr_assert_eq(mkfifo("fifo", 0600), 0);
	expect_block_refused(arena_format(arena, "%s/fifo", scratch), OUTCOME_TERMINAL, "is no block device");
}

Test(devices, a_device_that_the_host_does_not_allow_is_refused)
{
	devices.item[devices.count++] = scratch;
	expect_block_refused("/dev/null", OUTCOME_TERMINAL, "/dev/null is not allowed on this host");
	cr_assert_eq(symlink("/dev/null", "way-out"), 0);
	expect_block_refused(arena_format(arena, "%s/way-out", scratch), OUTCOME_TERMINAL,
		"leads to /dev/null, which is not allowed on this host");
}

Test(devices, a_physical_volume_of_lvm_is_refused)
{
	/* the label of a physical volume, as pvcreate writes it, in the second sector */
	unsigned char sector[SECTOR] = {0};
	memcpy(sector, "LABELONE\1\0\0\0\0\0\0\0\0\0\0\0\40\0\0\0LVM2 001", 32);
	memcpy(sector + 32, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", 32);
	uint32_t check = 0xf597a6cf;
	for (int i = 20; i < SECTOR; i++) {
		check ^= sector[i];
		for (int bit = 0; bit < 8; bit++)
			check = check & 1 ? check >> 1 ^ 0xedb88320 : check >> 1;
	}
	for (int byte = 0; byte < 4; byte++)
		sector[16 + byte] = (unsigned char)(check >> 8 * byte);
	sector[8] = 1;
	if (!may_loop())
		return;
	const char *device = a_device();
	put(device, SECTOR, sector, sizeof(sector));
	expect_block_refused(device, OUTCOME_TERMINAL, "in use by dom0: it is a physical volume of LVM");
}

/* Who uses a device, as a tree of files tells it. */

static void tree_write(const char *path, const char *text)
{
	char *copy = arena_text(arena, path);
	*strrchr(copy, '/') = '\0';
	cr_assert(file_folders(arena_format(arena, "%s/tree/%s", scratch, copy), 0700));
	scratch_write(arena_format(arena, "%s/tree/%s", scratch, path), text);
}

static void expect_use(const char *words)
{
	const struct device_at device = {arena_format(arena, "%s/tree", scratch), "/nowhere/nbd0", "b:43:0"};
	const char *use = device_use(arena, &device, 0);
	cr_expect_eq(use != NULL, words != NULL, "%s", use);
	if (words)
		cr_expect(use && strstr(use, words), "%s", use);
}

Test(devices, a_device_is_used_by_mounts_holders_and_guests)
{
	tree_write("sys/dev/block/43:0/size", "2048\n");
	tree_write("proc/self/mountinfo", "36 35 8:1 / /mnt rw - ext4 /dev/sda1 rw\n");
	tree_write("sys/bus/xen-backend/devices/vbd-5-51712/physical_device", "2b:1\n");
	expect_use(NULL);
	tree_write("proc/self/mountinfo", "36 35 43:0 / /mnt rw - ext4 /dev/nbd0 rw\n");
	expect_use("mounted on /mnt");
	tree_write("proc/self/mountinfo", "");
	tree_write("sys/bus/xen-backend/devices/vbd-7-51712/physical_device", "2b:0\n");
	expect_use("guest with domid 7");
	tree_write("sys/dev/block/43:0/holders/dm-3/dm/name", "vg-root\n");
	expect_use("dm-3 (vg-root) stands on it");
}

Test(devices, a_device_is_used_where_a_partition_of_it_is)
{
	tree_write("sys/dev/block/43:0/nbd0p1/partition", "1\n");
	tree_write("sys/dev/block/43:0/nbd0p1/dev", "259:7\n");
	tree_write("proc/self/mountinfo", "36 35 259:7 / /mnt rw - ext4 /dev/nbd0p1 rw\n");
	expect_use("mounted on /mnt");
}
