/* Layer `nbd`: a block device of the kernel that a program serves: qemu-nbd for a file below or for the
 * export of a uri, the program that the layer below names for an export of its own. A file, an export or
 * nothing comes from below; a raw device leaves.
 *
 *   open    ending     what an opening that was killed or hung left: a program that serves no device
 *           releasing  a device that served this layer from something that is not below any more
 *           loading    modprobe nbd, where the kernel has no such device
 *           binding    the program, and then looks, until the kernel says who serves the device and how large
 *                      it is
 *           undoing    it is not as large as it should be: unbound again
 *   close   looking    who has it open for a moment only is waited for
 *           syncing    what was written goes to the server
 *           releasing  qemu-nbd -d, and then looks, until device and server are gone
 *
 * Which device is free is decided under a lock of ours, and by the kernel in the end: whoever comes second is
 * told so, and takes the next. */
#include "base/file.h"
#include "storage/device.h"
#include "storage/layer.h"
#include "storage/served.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static const char key[] = "nbd";
enum progress { ENDING = 1, RELEASING, LOADING, BINDING, UNDOING, LOOKING, SYNCING };
enum { WAITS = 100, SECTOR = 512 };
static const char pause_text[] = "0.1"; /* seconds, up to WAITS of them */
/* A qemu-nbd whose device somebody else takes at the same moment was seen to hang. */
static const char patience[] = "30";             /* seconds */
enum { OUT_OF_PATIENCE = 124, NOT_FOUND = 127 }; /* as timeout(1) ends */

static const struct server_marks *marks_of(struct layer_job *job)
{
	struct server_marks *marks = arena_make(job->arena, struct server_marks);
	*marks = (struct server_marks){.uid = job->uid, .index = job->index};
	return marks;
}

static bool wait_more(struct layer_job *job)
{
	if (job->waits++ >= WAITS)
		return false;
	layer_run(job, "sleep", pause_text);
	return true;
}

/* Does it serve what is below now? */
static bool is_right(struct layer_job *job, const struct served *served)
{
	const struct link *below = &job->below;
	if (KNOWN(job->recorded, LayerFound, source))
		return server_has_export(job->arena, job->root, served->task, job->recorded->source);
	return below->bind || (below->id && server_has_file(job->arena, job->root, served->task, below->id));
}

/* The device that a program serves for this layer; with `stale`, from something that is not below any more.
 */
static const struct served *bound(struct layer_job *job, bool stale)
{
	struct list devices = {0};
	served_list(job->arena, job->root, &devices);
	for (uint32_t i = 0; i < devices.count; i++) {
		const struct served *served = devices.item[i];
		if (server_is_marked(job->arena, job->root, served->task, marks_of(job)) &&
			is_right(job, served) == !stale)
			return served;
	}
	return NULL;
}

static void expect(struct layer_job *job)
{
	const char *uri = layer_source(job->arena, job->want);
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, format, disk_format_raw);
	if (uri)
		KNOW(job->found, LayerFound, source, uri);
}

static bool observe(struct layer_job *job)
{
	const struct served *served = bound(job, false);
	if (!served || !served->size)
		return false;
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, path, served->device);
	KNOW(job->found, LayerFound, format, disk_format_raw);
	KNOW(job->found, LayerFound, size, served->size);
	KNOW(job->found, LayerFound, id, served->id);
	if (KNOWN(job->recorded, LayerFound, source))
		KNOW(job->found, LayerFound, source, job->recorded->source);
	return true;
}

/* Which device is whose. */

/* /dev/nbd3, not below a test's root */
static bool is_permitted(const struct layer_job *job, const struct served *served)
{
	for (uint32_t i = 0; i < job->nbd->count; i++)
		if (text_equal(job->nbd->item[i], served->device + strlen(job->root)))
			return true;
	return !job->nbd->count;
}

/* Nobody else of ours works on it then; job->lock. false: somebody does, or job->error. */
static bool lock(struct layer_job *job, const struct served *served)
{
	const char *folder = arena_format(job->arena, "%s/nbd", job->run_dir ? job->run_dir : "");
	const char *path = arena_format(job->arena, "%s/%s.lock", folder, served->name);
	if (!job->run_dir || !file_folders(folder, 0700))
		return layer_fail(job, false, NULL, "%s: %s", folder, strerror(errno));
	FD_SCOPED fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return layer_fail(job, false, NULL, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? false
					    : layer_fail(job, false, NULL, "%s: %s", path, strerror(errno));
	job->lock = fd_take(&fd);
	return true;
}

static void unlock(struct layer_job *job)
{
	close(job->lock);
	job->lock = -1;
}

static const struct served *look_again(struct layer_job *job, const struct served *served)
{
	struct list devices = {0};
	served_list(job->arena, job->root, &devices);
	for (uint32_t i = 0; i < devices.count; i++)
		if (((const struct served *)devices.item[i])->number == served->number)
			return devices.item[i];
	return NULL;
}

static bool is_free(const struct served *served)
{
	return served && !served->size && !served->task;
}

/* A free device, locked; after the one that was tried last. NULL: job->error. */
static const struct served *choose(struct layer_job *job)
{
	struct list devices = {0};
	uint32_t permitted = 0, serving = 0, first = 0;
	served_list(job->arena, job->root, &devices);
	for (uint32_t i = 0; i < devices.count; i++)
		if (text_equal(((const struct served *)devices.item[i])->device, job->path))
			first = i + 1;
	for (uint32_t i = 0; i < devices.count; i++) {
		const struct served *served = devices.item[(first + i) % devices.count];
		if (!is_permitted(job, served))
			continue;
		permitted++;
		if (!is_free(served)) {
			serving++;
			continue;
		}
		if (lock(job, served)) {
			if (is_free(look_again(job, served)))
				return served;
			unlock(job);
		}
		if (job->error)
			return NULL;
	}
	if (!permitted)
		layer_fail(job, true, "correct the Host's nbdDevices, or load the module with more of them",
			"none of the kernel's %u nbd devices may be used", devices.count);
	else
		layer_fail(job, false,
			"it is tried again when one may be free; modprobe nbd nbds_max=N makes more",
			"none of the %u nbd devices is free: %u are bound, %u are being bound at this moment",
			permitted, serving, permitted - serving);
	return NULL;
}

/* Opening. */

/* qemu-nbd -c DEVICE ...: its words on failure are its parent's, and the device is bound soon after that one
 * has ended. */
static const char *const *qemu_argv(struct layer_job *job, const struct served *served, const char *uri)
{
	const char **argv = arena_array(job->arena, const char *, 14);
	int count = 0;
	argv[count++] = "timeout";
	argv[count++] = patience;
	argv[count++] = "qemu-nbd";
	argv[count++] = "-c";
	argv[count++] = served->device;
	/* its own default is in a folder that everybody may write to */
	argv[count++] = "-k";
	argv[count++] = arena_format(job->arena, "%s/nbd/%s.socket", job->run_dir, served->name);
	argv[count++] = "-f";
	argv[count++] = uri ? choice_disk_format[disk_format_raw] : choice_disk_format[job->below.format];
	argv[count++] = job->below.read_only ? "--read-only" : "--discard=unmap";
	argv[count++] = uri ? uri : job->below.path;
	return argv;
}

/* The program that the layer below names, with the device behind it. It may stay in the foreground and talk.
 */
static const char *const *bind_argv(struct layer_job *job, const struct served *served)
{
	const char *const *bind = job->below.bind;
	int length = 0, count = 0;
	while (bind[length])
		length++;
	const char **argv = arena_array(job->arena, const char *, (size_t)length + 10);
	argv[count++] = "start-stop-daemon";
	argv[count++] = "--start";
	argv[count++] = "--background";
	/* it has to have a way to tell whether it runs already: by a file that nobody writes, it does not */
	argv[count++] = "--pidfile";
	argv[count++] = arena_format(job->arena, "%s/nbd/%s.pid", job->run_dir, served->name);
	argv[count++] = "--startas";
	argv[count++] = bind[0];
	argv[count++] = "--";
	for (int i = 1; i < length; i++)
		argv[count++] = bind[i];
	argv[count++] = served->device;
	return argv;
}

static bool bind_begin(struct layer_job *job)
{
	const char *uri = KNOWN(job->recorded, LayerFound, source) ? job->recorded->source : NULL;
	if (uri && !text_starts(uri, "nbd://") && !text_starts(uri, "nbd+unix:///"))
		return layer_fail(job, true, NULL, "%s is no uri of an nbd export", uri);
	if (!uri && !job->below.bind && !job->below.path)
		return layer_fail(job, false, NULL, "what is below is not there");
	const struct served *served = choose(job);
	if (!served)
		return false;
	job->path = served->device;
	job->stage = BINDING;
	job->waits = 0;
	job->argv = job->below.bind && !uri ? bind_argv(job, served) : qemu_argv(job, served, uri);
	job->environment = server_environment(job->arena, marks_of(job), uri);
	return true;
}

/* The processes that have a device open for good reason are those that serve it. */
static bool is_unused(struct layer_job *job, const struct served *served)
{
	const struct device_at device = {job->root, served->device, served->id};
	const int64_t server = server_process(job->arena, job->root, served->task);
	const char *use = device_use(job->arena, &device, server);
	return !use || layer_fail(job, false, "it is closed when that has ended", "%s cannot be closed: %s",
			       served->device, use);
}

static bool release(struct layer_job *job, const struct served *served)
{
	if (job->lock < 0 && !lock(job, served))
		return job->error ? false
				  : layer_fail(job, false, NULL, "%s is being worked on", served->device);
	if (!is_unused(job, served))
		return false;
	job->path = served->device;
	job->stage = RELEASING;
	job->waits = 0;
	layer_run(job, "qemu-nbd", "-d", served->device);
	return true;
}

/* A program of ours that serves no device holds what is below for nothing. */
static bool end_leftover(struct layer_job *job)
{
	const struct server_marks *marks = marks_of(job);
	const int64_t process = server_find(job->arena, job->root, marks);
	if (!process)
		return false;
	server_end(job->arena, job->root, process, marks);
	job->stage = ENDING;
	return wait_more(job) ||
	       layer_fail(job, false, "look what holds it up",
		       "process %" PRId64
		       ", begun for this layer before, serves no device and cannot be ended",
		       process);
}

static bool open_begin(struct layer_job *job)
{
	struct list devices = {0};
	const struct served *stale = bound(job, true);
	if (stale)
		return release(job, stale);
	/* right, but without a size: the export behind it is gone */
	const struct served *empty = bound(job, false);
	if (empty)
		return release(job, empty);
	if (end_leftover(job) || job->error)
		return !job->error;
	served_list(job->arena, job->root, &devices);
	if (devices.count)
		return bind_begin(job);
	job->stage = LOADING;
	layer_run(job, "modprobe", key);
	return true;
}

/* Is the device, of which only path and marks are known, as it should be? */
static bool bind_end(struct layer_job *job)
{
	const int64_t size = job->below.size;
	if (!observe(job)) {
		if (wait_more(job))
			return true;
		const struct served *served = bound(job, false);
		if (!served)
			return layer_fail(job, false, "what it says by itself may tell more: try it by hand",
				"%s was started, and serves nothing on %s after %d s",
				job->below.bind ? job->below.bind[0] : "qemu-nbd", job->path, WAITS / 10);
	} else if (KNOWN(job->recorded, LayerFound, source) || !size ||
		   (job->found->size > size - SECTOR && job->found->size < size + SECTOR))
		return true;
	job->stage = UNDOING;
	layer_run(job, "qemu-nbd", "-d", job->path);
	return true;
}

static bool undone(struct layer_job *job)
{
	if (!KNOWN(job->found, LayerFound, size))
		return layer_fail(job, false, "the server's own log says why; may it read what it serves?",
			"%s was bound, and has size 0", job->path);
	return layer_fail(job, false, NULL, "%s was bound with %" PRId64 " bytes instead of %" PRId64,
		job->path, job->found->size, job->below.size);
}

/* The device is free again, who served it has ended and holds no file any more, and no other device is marked
 * alike, which a killed opening may have left. */
static bool release_end(struct layer_job *job)
{
	const struct served *left = bound(job, false);
	if (!left)
		left = bound(job, true);
	if (left && !text_equal(left->device, job->path)) {
		unlock(job);
		return release(job, left);
	}
	return (!left && !server_find(job->arena, job->root, marks_of(job))) || wait_more(job) ||
	       layer_fail(job, false, "look who has it open",
		       "%s was told to disconnect, and is still served", job->path);
}

static bool open_end(struct layer_job *job)
{
	switch ((enum progress)job->stage) {
	case ENDING:
		return open_begin(job);
	case RELEASING:
		if (!release_end(job) || job->argv)
			return !job->error;
		unlock(job);
		return open_begin(job);
	case LOADING:
		return bind_begin(job);
	case BINDING:
		return bind_end(job);
	default:
		return undone(job);
	}
}

/* Another one has it, or udev looks at it at this moment. */
static bool again(struct layer_job *job, const char *errors)
{
	static const char *const words[] = {
		"Device or resource busy", "Failed to set NBD socket", "Failed setting"};
	if (job->stage != BINDING)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strstr(errors, words[i]))
			return true;
	return job->ran->status == OUT_OF_PATIENCE;
}

static void failed(struct layer_job *job)
{
	if (job->ran->started && job->ran->status == NOT_FOUND)
		layer_fail(job, true, "install qemu-utils", "qemu-nbd is not installed");
}

/* Closing. */

static bool close_look(struct layer_job *job, const struct served *served)
{
	const struct device_at device = {job->root, served->device, served->id};
	const enum unused unused =
		device_unused(job, &device, server_process(job->arena, job->root, served->task));
	job->stage = LOOKING;
	if (unused != UNUSED)
		return unused == UNUSED_PERHAPS;
	job->stage = SYNCING;
	layer_run(job, "sync", served->device);
	return true;
}

static bool close_begin(struct layer_job *job)
{
	const struct served *served = bound(job, false);
	if (!served)
		return true;
	if (!lock(job, served))
		return job->error ? false
				  : layer_fail(job, false, NULL, "%s is being worked on", served->device);
	return close_look(job, served);
}

static bool close_end(struct layer_job *job)
{
	if (job->stage == RELEASING)
		return release_end(job);
	const struct served *served = bound(job, false);
	if (!served)
		return true;
	/* after syncing, time has passed since its users were looked for */
	return job->stage == LOOKING ? close_look(job, served) : release(job, served);
}

static void give(struct layer_job *job, struct link *link)
{
	link->read_only = job->below.read_only;
}

const struct layer_driver layer_nbd = {
	.key = key,
	.expect = expect,
	.observe = observe,
	.give = give,
	.open = {.begin = open_begin, .end = open_end, .again = again, .failed = failed},
	.close = {.begin = close_begin, .end = close_end},
};
