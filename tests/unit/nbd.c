/* Layer nbd, with a tree of files in place of /sys and /dev, and programs of that name in place of qemu-nbd
 * and modprobe: what the kernel and QEMU do is played, what the layer makes of it is its own. The processes
 * are real ones, found in the real /proc. tests/lab plays the same with the real module. */
#include "model/want.h"
#include "scratch.h"
#include "storage/storage.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

static char uid[37], other_uid[37]; /* of this process alone: /proc is the host's */
enum { SIZE = 1 << 20 };
static struct arena *arena;
static struct runner *runner;
static struct storage *storage;
static struct texts permitted;
static const char *state, *folder, *raw, *tree;

/* Binds: a process of the given environment with the file open, told of in the tree as the kernel tells it.
 * What else it does says the file "mood": busy for the device that is named, empty, small, deaf. */
static const char qemu_nbd[] =
	"#!/bin/sh\n"
	"mood=$(cat $TREE/mood 2>/dev/null)\n"
	"case $1 in\n"
	"-c)\n"
	"	echo \"$*\" >>$TREE/calls\n"
	"	dev=${2##*/}\n"
	"	for file; do :; done\n"
	"	case $mood in busy*) [ \"$mood\" != \"busy $dev\" ] ||\n"
	"		{ echo 'qemu-nbd: Failed to set NBD socket' >&2; exit 1; };; esac\n"
	"	case $file in nbd*) file=/dev/null;; esac\n"
	"	setsid sh -c 'exec /bin/sleep 100 <\"$0\"' \"$file\" >/dev/null 2>&1 &\n"
	/* while it executes another program, its environment cannot be read */
	"	while [ \"$(cat /proc/$!/comm)\" != sleep ]; do :; done\n"
	"	echo $! >$TREE/started\n"
	"	[ \"$mood\" != unbound ] || exit 0\n"
	"	echo $! >$TREE/sys/block/$dev/pid\n"
	"	size=2048; [ \"$mood\" != small ] || size=8; [ \"$mood\" != empty ] || size=0\n"
	"	echo $size >$TREE/sys/block/$dev/size;;\n"
	"-d)\n"
	"	dev=${2##*/}\n"
	"	echo \"$*\" >>$TREE/calls\n"
	"	[ \"$mood\" != deaf ] || exit 0\n"
	"	kill $(cat $TREE/sys/block/$dev/pid)\n"
	"	rm $TREE/sys/block/$dev/pid; echo 0 >$TREE/sys/block/$dev/size;;\n"
	"esac\n";
static const char modprobe[] = "#!/bin/sh\n"
			       "echo \"modprobe $*\" >>$TREE/calls\n"
			       "[ \"$(cat $TREE/mood 2>/dev/null)\" != missing ] || \n"
			       "	{ echo 'modprobe: FATAL: Module nbd not found' >&2; exit 1; }\n"
			       "mkdir -p $TREE/sys/block/nbd0; cd $TREE/sys/block/nbd0\n"
			       "echo 0 >size; echo 43:0 >dev\n";
static const char pass[] = "#!/bin/sh\nexit 0\n";

static void program_make(const char *name, const char *text)
{
	const char *path = arena_format(arena, "%s/bin/%s", scratch, name);
	scratch_write(path, text);
	cr_assert_eq(chmod(path, 0755), 0);
}

static void device_make(unsigned number)
{
	const char *here = arena_format(arena, "%s/sys/block/nbd%u", tree, number);
	cr_assert(file_folders(here, 0755));
	scratch_write(arena_format(arena, "%s/size", here), "0\n");
	scratch_write(arena_format(arena, "%s/dev", here), arena_format(arena, "43:%u\n", number));
	scratch_write(arena_format(arena, "%s/dev/nbd%u", tree, number), "");
}

static void mood(const char *text)
{
	scratch_write(arena_format(arena, "%s/mood", tree), text);
}

static const char *calls(void)
{
	const char *text = file_read(arena, arena_format(arena, "%s/calls", tree), 1 << 16, NULL);
	return text ? text : "";
}

static void begin(void)
{
	scratch_enter();
	snprintf(uid, sizeof(uid), "%08x-2222-5333-8444-555555555555", (unsigned)getpid());
	snprintf(other_uid, sizeof(other_uid), "%08x-3333-5333-8444-555555555555", (unsigned)getpid());
	arena = arena_new();
	runner = runner_new();
	state = arena_format(arena, "%s/state", scratch);
	folder = arena_format(arena, "%s/volumes/%s", state, uid);
	raw = arena_format(arena, "%s/0-file.raw", folder);
	tree = arena_format(arena, "%s/tree", scratch);
	permitted = (struct texts){.item = arena_array(arena, const char *, 4), .count = 0};
	cr_assert(file_folders(arena_format(arena, "%s/sys/block", tree), 0755));
	cr_assert_eq(mkdir("tree/dev", 0755), 0);
	cr_assert_eq(symlink("/proc", "tree/proc"), 0);
	cr_assert_eq(mkdir("bin", 0755), 0);
	program_make("qemu-nbd", qemu_nbd);
	program_make("modprobe", modprobe);
	program_make("sync", pass);
	cr_assert_eq(setenv("TREE", tree, 1), 0);
	cr_assert_eq(setenv("PATH", arena_format(arena, "%s/bin:%s", scratch, getenv("PATH")), 1), 0);
}

static int64_t number_in(const char *path)
{
	const char *text = file_read(arena, path, 64, NULL);
	return text ? strtoll(text, NULL, 10) : 0;
}

static void end(void)
{
	for (unsigned i = 0; i < 8; i++) {
		const int64_t pid = number_in(arena_format(arena, "%s/sys/block/nbd%u/pid", tree, i));
		if (pid > 0)
			kill((pid_t)pid, SIGKILL);
	}
	if (storage)
		storage->driver->close(storage);
	runner_free(runner);
	arena_free(arena);
	scratch_leave();
}

TestSuite(nbd, .init = begin, .fini = end, .timeout = 120);

static struct wanted_volume *volume_of(const char *its_uid)
{
	struct wanted_volume *volume = arena_make(arena, struct wanted_volume);
	struct object *object = arena_make(arena, struct object);
	object->kind = KIND_VOLUME;
	object->name = "data";
	*volume = (struct wanted_volume){.name = "data", .object = object, .reclaim = reclaim_Delete};
	strcpy(volume->uid, its_uid);
	return volume;
}

static struct Layer *layer_add(struct wanted_volume *volume)
{
	struct Layer *layer = type_new(arena, &type_Layer);
	list_add(arena, &volume->chain, layer);
	return layer;
}

static void add_nbd(struct wanted_volume *volume, const char *uri)
{
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, nbd, type_new(arena, &type_NbdLayer));
	if (uri)
		KNOW(layer->nbd, NbdLayer, uri, uri);
}

static struct wanted_volume *file_volume(const char *its_uid)
{
	struct wanted_volume *volume = volume_of(its_uid);
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, file, type_new(arena, &type_FileLayer));
	KNOW(layer->file, FileLayer, size, SIZE);
	KNOW(layer->file, FileLayer, format, disk_format_raw);
	add_nbd(volume, NULL);
	return volume;
}

static struct wanted_volume *remote_volume(const char *uri)
{
	struct wanted_volume *volume = volume_of(uid);
	add_nbd(volume, uri);
	return volume;
}

static void start(enum verb verb, const struct wanted_volume *volume, uint32_t layer, uint32_t id)
{
	struct Label *label = type_new(arena, &type_Label);
	KNOW(label, Label, owner, "default");
	KNOW(label, Label, kind, "Volume");
	KNOW(label, Label, name, volume->name);
	KNOW(label, Label, uid, volume->uid);
	KNOW(label, Label, source, "/etc/xensteer/manifests");
	struct action *action = arena_make(arena, struct action);
	*action = (struct action){
		.id = id, .verb = verb, .volume = volume, .uid = volume->uid, .label = label, .layer = layer};
	struct links links = {.arena = arena};
	if (!storage) {
		REPORT_SCOPED report = report_new();
		storage = storage_real(&(struct storage_options){.state_dir = state,
					       .run_dir = arena_format(arena, "%s/run", scratch),
					       .owner = "default",
					       .root = tree,
					       .nbd = &permitted,
					       .runner = runner},
			report);
		cr_assert_not_null(storage);
	}
	storage->driver->begin(storage, action, &links);
}

static struct finished await(void)
{
	struct finished done = {.arena = arena};
	const int64_t until = runner_now() + 60000;
	while (!storage->driver->reap(storage, &done)) {
		cr_assert_lt(runner_now(), until);
		runner_wait(runner, until);
	}
	return done;
}

static struct finished act(enum verb verb, const struct wanted_volume *volume, uint32_t layer)
{
	start(verb, volume, layer, 7);
	return await();
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

#define create(volume) act(verb_volume_create, volume, 0)
#define open_layer(volume, layer) act(verb_volume_open, volume, layer)
#define close_layer(volume, layer) act(verb_volume_close, volume, layer)

static void expect_state(int volume_state)
{
	HAVE_SCOPED have = have_new();
	storage->driver->observe(storage, NULL, have);
	cr_assert_eq(have->found->volumes.count, 1);
	const struct HaveVolume *volume = have->found->volumes.item[0];
	cr_assert_eq(
		volume->state, volume_state, "%s: %s", choice_volume_state[volume->state], volume->problem);
}

static int64_t server_of(unsigned device)
{
	return number_in(arena_format(arena, "%s/sys/block/nbd%u/pid", tree, device));
}

Test(nbd, a_file_is_served_found_closed_and_served_again)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	expect_done(create(volume));
	expect_state(volume_state_closed);
	const struct link *link = expect_done(open_layer(volume, 1));
	cr_expect_str_eq(link->path, arena_format(arena, "%s/dev/nbd0", tree));
	cr_expect_str_eq(link->id, "b:43:0");
	cr_expect_eq(link->size, SIZE);
	cr_expect_eq(link->format, disk_format_raw);
	cr_expect(strstr(calls(), arena_format(arena, "-f raw --discard=unmap %s", raw)), "%s", calls());
	expect_state(volume_state_complete);
	expect_done(open_layer(volume, 1));
	expect_done(close_layer(volume, 1));
	cr_expect_eq(server_of(0), 0);
	expect_state(volume_state_closed);
	expect_done(close_layer(volume, 1));
	expect_done(open_layer(volume, 1));
	expect_state(volume_state_complete);
}

Test(nbd, a_device_that_serves_another_is_not_free_and_not_taken_for_ours)
{
	struct wanted_volume *volume = file_volume(uid), *other = file_volume(other_uid);
	device_make(0);
	device_make(1);
	expect_done(create(other));
	expect_done(open_layer(other, 1));
	expect_done(create(volume));
	const struct link *link = expect_done(open_layer(volume, 1));
	cr_expect_str_eq(link->id, "b:43:1");
	const int64_t server = server_of(0);
	expect_done(close_layer(volume, 1));
	cr_expect_eq(server_of(0), server);
	cr_expect_eq(kill((pid_t)server, 0), 0);
}

Test(nbd, the_same_marks_on_another_file_are_not_believed)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	expect_done(create(volume));
	expect_done(open_layer(volume, 1));
	/* another file of the same name and size */
	const char *aside = arena_format(arena, "%s/aside", scratch);
	cr_assert_eq(rename(raw, aside), 0);
	scratch_write(raw, "");
	cr_assert_eq(truncate(raw, SIZE), 0);
	expect_state(volume_state_closed);
	/* opening anew frees the device that serves what is not below any more */
	const int64_t before = server_of(0);
	expect_done(open_layer(volume, 1));
	cr_expect_neq(server_of(0), before);
	cr_expect(strstr(calls(), "-d "));
	expect_state(volume_state_complete);
}

Test(nbd, no_device_is_free)
{
	struct wanted_volume *volume = file_volume(uid), *other = file_volume(other_uid);
	device_make(0);
	expect_done(create(other));
	expect_done(open_layer(other, 1));
	expect_done(create(volume));
	expect_failed(open_layer(volume, 1), OUTCOME_TRANSIENT,
		"none of the 1 nbd devices is free: 1 are bound, 0 are being bound");
	expect_done(close_layer(other, 1));
	expect_done(open_layer(volume, 1));
}

Test(nbd, two_that_are_opened_at_once_get_two_devices)
{
	struct wanted_volume *volume = file_volume(uid), *other = file_volume(other_uid);
	device_make(0);
	device_make(1);
	expect_done(create(volume));
	expect_done(create(other));
	start(verb_volume_open, volume, 1, 1);
	start(verb_volume_open, other, 1, 2);
	const struct link *one = expect_done(await()), *two = expect_done(await());
	cr_expect_str_neq(one->id, two->id);
}

Test(nbd, a_device_that_is_being_bound_by_another_is_passed_over)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	device_make(1);
	expect_done(create(volume));
	cr_assert(file_folders("run/nbd", 0700));
	FD_SCOPED fd = open("run/nbd/nbd0.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	cr_expect_str_eq(expect_done(open_layer(volume, 1))->id, "b:43:1");
	expect_done(close_layer(volume, 1));
	device_make(1);
	cr_assert_eq(rename("tree/sys/block/nbd1", "tree/gone"), 0);
	expect_failed(open_layer(volume, 1), OUTCOME_TRANSIENT, "0 are bound, 1 are being bound");
}

Test(nbd, a_busy_device_is_followed_by_the_next)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	device_make(1);
	expect_done(create(volume));
	mood("busy nbd0");
	cr_expect_str_eq(expect_done(open_layer(volume, 1))->id, "b:43:1");
}

Test(nbd, devices_that_are_always_busy_are_not_tried_for_ever)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	expect_done(create(volume));
	mood("busy nbd0");
	expect_failed(open_layer(volume, 1), OUTCOME_TRANSIENT, "Failed to set NBD socket");
}

Test(nbd, only_permitted_devices_are_taken)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	device_make(3);
	permitted.item[permitted.count++] = "/dev/nbd3";
	expect_done(create(volume));
	cr_expect_str_eq(expect_done(open_layer(volume, 1))->id, "b:43:3");
}

Test(nbd, no_permitted_device_is_there)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	permitted.item[permitted.count++] = "/dev/nbd30";
	expect_done(create(volume));
	expect_failed(
		open_layer(volume, 1), OUTCOME_TERMINAL, "none of the kernel's 1 nbd devices may be used");
}

Test(nbd, the_module_is_loaded_where_there_is_no_device)
{
	struct wanted_volume *volume = file_volume(uid);
	expect_done(create(volume));
	mood("missing");
	expect_failed(open_layer(volume, 1), OUTCOME_TRANSIENT, "Module nbd not found");
	mood("");
	expect_done(open_layer(volume, 1));
	cr_expect(strstr(calls(), "modprobe nbd\n"));
}

Test(nbd, a_device_of_another_size_is_unbound_again)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	expect_done(create(volume));
	mood("small");
	expect_failed(open_layer(volume, 1), OUTCOME_TRANSIENT, "with 4096 bytes instead of 1048576");
	cr_expect_eq(server_of(0), 0);
}

Test(nbd, a_device_without_size_is_unbound_again)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	program_make("sleep", "#!/bin/sh\nexit 0\n");
	expect_done(create(volume));
	mood("empty");
	expect_failed(open_layer(volume, 1), OUTCOME_TRANSIENT, "was bound, and has size 0");
	cr_expect_eq(server_of(0), 0);
	expect_state(volume_state_closed);
}

Test(nbd, what_an_interrupted_opening_left_is_ended)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	program_make("sleep", "#!/bin/sh\nexit 0\n");
	expect_done(create(volume));
	mood("unbound");
	expect_failed(open_layer(volume, 1), OUTCOME_TRANSIENT, "serves nothing on");
	const int64_t left = number_in(arena_format(arena, "%s/started", tree));
	mood("");
	program_make("sleep", "#!/bin/sh\nexec /bin/sleep $1\n");
	expect_done(open_layer(volume, 1));
	cr_expect_eq(
		file_read(arena, arena_format(arena, "/proc/%d/environ", (int)left), 1 << 16, NULL), NULL);
	expect_state(volume_state_complete);
}

Test(nbd, a_missing_qemu_nbd_is_said)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	expect_done(create(volume));
	program_make(
		"timeout", "#!/bin/sh\necho \"timeout: failed to run command 'qemu-nbd'\" >&2; exit 127\n");
	expect_failed(open_layer(volume, 1), OUTCOME_TERMINAL, "qemu-nbd is not installed");
}

Test(nbd, one_that_hangs_is_followed_by_the_next)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	device_make(1);
	expect_done(create(volume));
	program_make("timeout", "#!/bin/sh\nshift\ncase $3 in *0) exit 124; esac\nexec \"$@\"\n");
	cr_expect_str_eq(expect_done(open_layer(volume, 1))->id, "b:43:1");
}

Test(nbd, a_server_that_does_not_let_go_is_said)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	program_make("sleep", "#!/bin/sh\nexit 0\n");
	expect_done(create(volume));
	expect_done(open_layer(volume, 1));
	mood("deaf");
	expect_failed(
		close_layer(volume, 1), OUTCOME_TRANSIENT, "was told to disconnect, and is still served");
	expect_state(volume_state_complete);
	mood("");
	expect_done(close_layer(volume, 1));
}

Test(nbd, what_a_guest_or_a_mount_uses_is_not_closed)
{
	struct wanted_volume *volume = file_volume(uid);
	device_make(0);
	expect_done(create(volume));
	expect_done(open_layer(volume, 1));
	const char *backend = arena_format(arena, "%s/sys/bus/xen-backend/devices/vbd-5-51712", tree);
	cr_assert(file_folders(backend, 0755));
	cr_assert(file_folders(arena_format(arena, "%s/sys/dev/block/43:0", tree), 0755));
	scratch_write(arena_format(arena, "%s/physical_device", backend), "2b:0\n");
	expect_failed(close_layer(volume, 1), OUTCOME_TRANSIENT, "a disk of the guest with domid 5");
	cr_expect_eq(strstr(calls(), "-d "), NULL);
	cr_assert_eq(unlink(arena_format(arena, "%s/physical_device", backend)), 0);
	expect_done(close_layer(volume, 1));
}

Test(nbd, a_remote_export_is_told_by_its_whole_uri)
{
	static const char uri[] = "nbd://127.0.0.1:10809/disk", longer[] = "nbd://127.0.0.1:10809/disk-2";
	struct wanted_volume *volume = remote_volume(uri), *other = remote_volume(longer);
	device_make(0);
	device_make(1);
	const struct link *link = expect_done(open_layer(volume, 0));
	cr_expect_eq(link->size, SIZE);
	cr_expect(strstr(calls(), "-f raw --discard=unmap nbd://127.0.0.1:10809/disk\n"), "%s", calls());
	expect_state(volume_state_complete);
	/* the same layer wants the other export: the first is freed before */
	expect_done(open_layer(other, 0));
	cr_expect(strstr(calls(), "-d "));
	cr_expect(strstr(calls(), "disk-2\n"));
	cr_expect_eq((server_of(0) != 0) + (server_of(1) != 0), 1);
}

Test(nbd, what_is_no_export_is_refused)
{
	device_make(0);
	expect_failed(open_layer(remote_volume("ssh://host/etc/shadow"), 0), OUTCOME_TERMINAL,
		"is no uri of an nbd export");
	cr_expect_str_eq(calls(), "");
}
