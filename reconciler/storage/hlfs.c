/* Layer `hlfs`: a volume of HLFS, through its own tools, which the Host's hlfsDir names. Nothing comes from
 * below; an export leaves, with the program that binds it to a device (layer nbd). It is open while the
 * server of HLFS runs and a file in the run folder says that this volume is to be served; a reboot forgets
 * both.
 *
 * HLFS has no place for a mark of ours. So a file in the volume's folder says that there was nothing at the
 * uri before we made it; without it nothing there is ever taken, changed or removed:
 *
 *   0-hlfs.raw   at the uri    it is
 *   absent       nothing       not made: the file is written, then mkfs.hlfs
 *   absent       a volume      somebody else's: refused
 *   there        nothing       begun: what is left is removed, then mkfs.hlfs
 *   there        a volume      ours
 *
 * What the tools print is mostly noise, and rmfs.hlfs and stat.hlfs always exit with 0: whether a volume is
 * there is told by the one line that stat.hlfs prints only then. */
#include "base/file.h"
#include "storage/artefact.h"
#include "storage/hlfs_server.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char key[] = "hlfs";
enum { MIB = 1 << 20, WAITS = 100, TOOLS_LIMIT = 4096 };
static const char pause_text[] = "0.1"; /* seconds, up to WAITS of them */

static const char *uri_of(const struct layer_job *job)
{
	return job->want ? job->want->hlfs->uri : job->recorded->source ? job->recorded->source : "";
}

/* The deed: the file that says that the volume is ours. */

static const char *deed_path(const struct layer_job *job)
{
	return arena_format(job->arena, "%s/volumes/%s/%u-%s.%s", job->state_dir, job->uid, job->index, key,
		choice_disk_format[disk_format_raw]);
}

static bool is_ours(const struct layer_job *job)
{
	char *text = file_read(job->arena, deed_path(job), TOOLS_LIMIT, NULL);
	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text_equal(text, uri_of(job));
}

static bool deed_write(struct layer_job *job)
{
	const char *text = arena_format(job->arena, "%s\n", uri_of(job));
	job->path = deed_path(job);
	/* also where a place comes from below: what is in the uri outlives that */
	job->folder = arena_format(job->arena, "%s/volumes/%s", job->state_dir, job->uid);
	FD_SCOPED fd = artefact_begin(job);
	if (fd < 0)
		return false;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return artefact_fail(job, errno, job->temporary);
	return artefact_publish(job);
}

static bool deed_remove(struct layer_job *job)
{
	return file_remove(deed_path(job)) || artefact_fail(job, errno, deed_path(job));
}

/* The tools. */

/* HLFSDIR/NAME; NULL with job->error. */
static const char *tool(struct layer_job *job, const char *name)
{
	if (!job->hlfs_dir) {
		layer_fail(job, true, "set hlfsDir in this host's settings",
			"the tools of HLFS are needed, and the Host's hlfsDir does not say where they are");
		return NULL;
	}
	const char *path = arena_format(job->arena, "%s/%s", job->hlfs_dir, name);
	if (access(path, X_OK) == 0)
		return path;
	layer_fail(job, true, "put the tools of HLFS there, or correct the Host's hlfsDir", "%s: %s", path,
		strerror(errno));
	return NULL;
}

static bool wait_more(struct layer_job *job)
{
	return job->waits++ < WAITS && layer_run(job, "sleep", pause_text);
}

/* stat.hlfs -p POOL -u NAME */
static bool ask(struct layer_job *job)
{
	const char *program = tool(job, "stat.hlfs"), *uri = uri_of(job), *slash = strrchr(uri, '/');
	if (!program || !slash)
		return program && layer_fail(job, true, NULL, "'%s' is no uri of HLFS", uri);
	return layer_run(
		job, program, "-p", arena_copy(job->arena, uri, (size_t)(slash - uri)), "-u", slash + 1);
}

/* *there, by what stat.hlfs said; false: it did not say. */
static bool answer(struct layer_job *job, bool *there)
{
	const struct run_result *ran = job->ran;
	*there = strstr(ran->output, "FS Total Capacity:") != NULL;
	return *there || strstr(ran->output, "hlfs_lstat error") || strstr(ran->errors, "hlfs_lstat error") ||
	       layer_fail(job, false, "run it by hand; it says more",
		       "stat.hlfs does not tell whether %s is there: %s", uri_of(job),
		       run_failure(job->arena, (const char *const[]){"stat.hlfs", NULL}, ran));
}

static bool remove_volume(struct layer_job *job)
{
	const char *program = tool(job, "rmfs.hlfs");
	return program && layer_run(job, program, "-u", uri_of(job));
}

/* Observation. */

/* The run folder's file of this volume; NULL: nothing can be opened. */
static const char *wish_path(const struct layer_job *job)
{
	return job->run_dir ? arena_format(job->arena, "%s/hlfs/%s-%u", job->run_dir, job->uid, job->index)
			    : NULL;
}

static struct hlfs_server server_of(const struct layer_job *job)
{
	return job->run_dir ? hlfs_server_find(job->arena, job->root, job->run_dir) : (struct hlfs_server){0};
}

static void describe(struct layer_job *job)
{
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, format, disk_format_raw);
	KNOW(job->found, LayerFound, source, uri_of(job));
}

static void identify(struct layer_job *job)
{
	KNOW(job->found, LayerFound, id, arena_format(job->arena, "%s:%s", key, uri_of(job)));
	if (job->want)
		KNOW(job->found, LayerFound, size, job->want->hlfs->size);
	else if (KNOWN(job->recorded, LayerFound, size))
		KNOW(job->found, LayerFound, size, job->recorded->size);
}

static void expect(struct layer_job *job)
{
	describe(job);
	KNOW(job->found, LayerFound, size, job->want->hlfs->size);
}

static bool observe(struct layer_job *job)
{
	const char *wish = wish_path(job);
	if (!wish || access(wish, F_OK) < 0 || !server_of(job).port)
		return false;
	describe(job);
	identify(job);
	return true;
}

/* nbd-client HOST PORT URI, and the device behind it. */
static void give(struct layer_job *job, struct link *link)
{
	const struct hlfs_server server = server_of(job);
	if (!server.port || !job->hlfs_dir)
		return;
	const char **bind = arena_array(job->arena, const char *, 6);
	bind[0] = arena_format(job->arena, "%s/nbd-client", job->hlfs_dir);
	bind[1] = "bs=1024";
	bind[2] = "127.0.0.1";
	bind[3] = arena_format(job->arena, "%u", server.port);
	bind[4] = uri_of(job);
	link->bind = bind;
}

/* Making it. */

enum creating { CREATE_ASKED, CREATE_CLEARED, CREATE_MADE, CREATE_ASKED_AGAIN };

static bool create(struct layer_job *job)
{
	return ask(job);
}

static bool make(struct layer_job *job)
{
	const struct HlfsLayer *want = job->want->hlfs;
	const char *program = tool(job, "mkfs.hlfs");
	if (!program || !deed_write(job))
		return false;
	job->stage = CREATE_MADE;
	return layer_run(job, program, "-u", want->uri, "-b",
		arena_format(job->arena, "%" PRId64, want->blockSize), "-s",
		arena_format(job->arena, "%" PRId64, want->segmentSize), "-m",
		arena_format(job->arena, "%" PRId64, want->size / MIB));
}

static bool create_asked(struct layer_job *job)
{
	bool there;
	if (!answer(job, &there))
		return false;
	if (there && !is_ours(job))
		return layer_fail(job, true, "give another uri; nothing was changed there",
			"%s exists already, and this volume did not make it", uri_of(job));
	if (there) {
		describe(job);
		identify(job);
		return true;
	}
	if (!is_ours(job))
		return make(job);
	job->stage = CREATE_CLEARED;
	return remove_volume(job);
}

static bool created(struct layer_job *job)
{
	bool there;
	switch ((enum creating)job->stage) {
	case CREATE_ASKED:
		return create_asked(job);
	case CREATE_CLEARED:
		return make(job);
	case CREATE_MADE:
		job->stage = CREATE_ASKED_AGAIN;
		return ask(job);
	case CREATE_ASKED_AGAIN:
		break;
	}
	if (!answer(job, &there))
		return false;
	if (!there)
		return layer_fail(job, false, NULL, "%s is not there after mkfs.hlfs", uri_of(job));
	describe(job);
	identify(job);
	return true;
}

static void create_failed(struct layer_job *job)
{
	enum { EXISTS = 1 };
	if (job->stage != CREATE_MADE || !job->ran->started || job->ran->signaled)
		return;
	const char *words = run_failure(job->arena, job->argv, job->ran);
	if (job->ran->status != EXISTS)
		layer_fail(job, false, "is the folder above it there, and may root write to it?",
			"%s could not be made: %s", uri_of(job), words);
	else if (deed_remove(job)) /* somebody was faster than we */
		layer_fail(job, true, "give another uri; nothing was changed there",
			"%s was made by somebody else at this moment: %s", uri_of(job), words);
}

/* Serving it. */

enum opening { OPEN_ASKED, OPEN_STARTED };

static bool open_begin(struct layer_job *job)
{
	return tool(job, "nbd-server") && tool(job, "nbd-client") && ask(job);
}

static bool wish(struct layer_job *job)
{
	const char *path = wish_path(job);
	if (!path)
		return layer_fail(job, true, NULL, "without a run folder nothing can be opened");
	if (!file_folders(arena_format(job->arena, "%s/hlfs", job->run_dir), 0700))
		return artefact_fail(job, errno, path);
	FD_SCOPED fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd >= 0 || artefact_fail(job, errno, path);
}

static bool unwish(struct layer_job *job)
{
	const char *path = wish_path(job);
	return !path || unlink(path) == 0 || errno == ENOENT || artefact_fail(job, errno, path);
}

/* It may stay in the foreground, and talks. Its configuration would bring the exports of the system's own nbd
 * server with it, and another user, who may not read what mkfs.hlfs makes: it is given one that is not there.
 */
static bool start(struct layer_job *job)
{
	const uint16_t port = hlfs_server_port();
	if (!port)
		return artefact_fail(job, errno, "a free port");
	const char *none = arena_format(job->arena, "%s/hlfs/none", job->run_dir);
	job->stage = OPEN_STARTED;
	layer_run(job, "start-stop-daemon", "--start", "--background", "--chdir", job->hlfs_dir, "--pidfile",
		none, "--startas", tool(job, "nbd-server"), "--",
		arena_format(job->arena, "127.0.0.1:%u", port), "-C", none);
	job->environment = hlfs_server_environment(job->arena, job->run_dir);
	return true;
}

static bool open_asked(struct layer_job *job)
{
	bool there;
	if (!answer(job, &there))
		return false;
	if (!there)
		return layer_fail(job, true, "restore it, or remove the volume", "%s was made and is gone",
			uri_of(job));
	if (!wish(job))
		return false;
	const struct hlfs_server server = server_of(job);
	if (server.port)
		return observe(job);
	if (!server.process)
		return start(job);
	job->stage = OPEN_STARTED; /* by another volume, just now */
	return wait_more(job);
}

static bool opened(struct layer_job *job)
{
	if (job->stage == OPEN_ASKED)
		return open_asked(job);
	if (observe(job) || wait_more(job))
		return true;
	return unwish(job) &&
	       layer_fail(job, false,
		       "another one of HLFS's may run, or have been killed: then /tmp/nbd-0- and /tmp/nbd-1- "
		       "are in its way",
		       "%s/nbd-server was started and does not listen after %d s", job->hlfs_dir, WAITS / 10);
}

/* Is another volume to be served? */
static bool is_wished_for(const struct layer_job *job)
{
	const char *own = arena_format(job->arena, "%s-%u", job->uid, job->index);
	DIR *dir = job->run_dir ? opendir(arena_format(job->arena, "%s/hlfs", job->run_dir)) : NULL;
	bool other = false;
	for (const struct dirent *entry; dir && !other && (entry = readdir(dir));)
		other = entry->d_name[0] != '.' && !text_equal(entry->d_name, own);
	if (dir)
		closedir(dir);
	return other;
}

/* The server ends with the last volume, and before the file of that goes: a kill in between leaves nothing
 * that nobody comes back for. Clients of somebody else keep it. */
static bool close_begin(struct layer_job *job)
{
	const struct hlfs_server server = server_of(job);
	if (!server.process || is_wished_for(job))
		return unwish(job);
	if (server.busy)
		return wait_more(job) || unwish(job);
	hlfs_server_end(job->arena, job->root, job->run_dir, &server);
	return wait_more(job) ||
	       layer_fail(job, false, "look at what it does",
		       "the nbd-server of HLFS (pid %" PRId64 ") was asked to end and is still there",
		       server.process);
}

static bool closed(struct layer_job *job)
{
	return !job->ran || close_begin(job);
}

/* Removing it. */

enum removing { REMOVE_DONE, REMOVE_ASKED };

static bool delete (struct layer_job *job)
{
	if (!unwish(job))
		return false;
	return !is_ours(job) || remove_volume(job);
}

static bool deleted(struct layer_job *job)
{
	bool there;
	if (!job->ran)
		return true;
	if (job->stage != REMOVE_ASKED) {
		job->stage = REMOVE_ASKED;
		return ask(job);
	}
	if (!answer(job, &there))
		return false;
	return there ? layer_fail(job, false, "run rmfs.hlfs by hand; it says more",
			       "%s is still there after rmfs.hlfs", uri_of(job))
		     : deed_remove(job);
}

const struct layer_driver layer_hlfs = {
	.key = key,
	.expect = expect,
	.observe = observe,
	.give = give,
	.create = {.begin = create, .end = created, .failed = create_failed},
	.open = {.begin = open_begin, .end = opened},
	.close = {.begin = close_begin, .end = closed},
	.remove = {.begin = delete, .end = deleted},
};
