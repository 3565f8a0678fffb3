/* The reach of the PATHs (reach.c) under inotify. To know that nothing slips between looking and watching,
 * what was found is watched first and then looked for again, until both agree; then whatever comes later is
 * an event. When the reach is another one, everything is watched anew with a new queue: a swap of a tree is
 * rare, and so no descriptor of a folder that is gone can be taken for another.
 *
 * libinotifytools hands events out one by one; which of them matter is judged here. It does not give its
 * descriptor away, so that is found as the one that was free before and is inotify's after. */
#include "want/watch.h"
#include "base/file.h"
#include "want/reach.h"
#include "want/source.h"
#include <errno.h>
#include <fcntl.h>
#include <inotifytools/inotify.h>
#include <inotifytools/inotifytools.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>

enum {
	LOOKS_MOST = 16, /* at a tree that changes while it is looked at: each change is an event anyway */

	/* what ends a watch, or makes its folder another one's */
	ENDS = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT,
	ITSELF = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK,
	NAMES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
	FILES = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB,
};

struct source_watch {
	struct arena *arena;
	struct list paths; /* const char *: absolute; the PATHs, and behind them what loads read besides */
	uint32_t own;      /* how many of them are PATHs */
	struct arena *besides;
	struct reach *reach;
	struct reach_folder **by_number; /* inotify's watch descriptors count from 1 */
	int numbers;                     /* room of by_number */
	int descriptor;
	bool ended;   /* a watch has ended, or events were lost: all has to be watched anew */
	bool pending; /* something that may matter was taken in, and nobody was told */
	char why[256];
};

struct source_watch *source_watch_new(const char *const *paths, size_t count)
{
	struct source_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		memory_ended();
	watch->arena = arena_new();
	watch->descriptor = -1;
	for (size_t i = 0; i < count; i++)
		list_add(watch->arena, &watch->paths, file_absolute(watch->arena, paths[i]));
	watch->own = watch->paths.count;
	return watch;
}

bool source_watch_also(struct source_watch *watch, const struct list *paths)
{
	bool same = watch->own + paths->count == watch->paths.count;
	for (uint32_t i = 0; same && i < paths->count; i++)
		same = strcmp(watch->paths.item[watch->own + i], paths->item[i]) == 0;
	if (same)
		return false;
	arena_free(watch->besides);
	watch->besides = arena_new();
	watch->paths.count = watch->own;
	for (uint32_t i = 0; i < paths->count; i++)
		list_add(watch->arena, &watch->paths, arena_text(watch->besides, paths->item[i]));
	return true;
}

/* A link that came in may lead to manifests; anything else with another ending does not. */
static bool is_link(const struct reach_folder *folder, const char *name)
{
	BUFFER_SCOPED path = {0};
	buffer_text(&path, folder->path);
	buffer_text(&path, name);
	struct stat status;
	return lstat(buffer_string(&path), &status) == 0 && S_ISLNK(status.st_mode);
}

static bool name_matters(const struct reach_folder *folder, const struct inotify_event *event)
{
	const char *name = event->len ? event->name : "";
	if (!*name)
		return folder->is_tree; /* its own permissions */
	if (reach_names(folder, name))
		return true;
	if (!folder->is_tree || name[0] == '.')
		return false;
	if ((event->mask & IN_ISDIR) || source_is_manifest(name))
		return true;
	return (event->mask & (IN_CREATE | IN_MOVED_TO)) && is_link(folder, name);
}

static void event_take(struct source_watch *watch, const struct inotify_event *event)
{
	const struct reach_folder *folder =
		event->wd > 0 && event->wd < watch->numbers ? watch->by_number[event->wd] : NULL;
	if (event->mask & (IN_Q_OVERFLOW | ENDS))
		watch->ended = watch->pending = true;
	else if (folder && name_matters(folder, event))
		watch->pending = true;
}

/* Empties the queue. (inotifytools_next_event takes no waiting for waiting without end.) */
static void events_take(struct source_watch *watch)
{
	const struct inotify_event *event;
	while (watch->descriptor >= 0 && (event = inotifytools_next_events(0, 1)))
		event_take(watch, event);
}

static void watching_end(struct source_watch *watch)
{
	if (watch->descriptor < 0)
		return;
	/* what happened until now is not lost with the queue */
	events_take(watch);
	inotifytools_cleanup();
	watch->descriptor = -1;
	if (watch->numbers)
		memset(watch->by_number, 0, (size_t)watch->numbers * sizeof(struct reach_folder *));
}

void source_watch_free(struct source_watch *watch)
{
	if (!watch)
		return;
	watching_end(watch);
	reach_free(watch->reach);
	free(watch->by_number);
	arena_free(watch->besides);
	arena_free(watch->arena);
	free(watch);
}

/* In the words of the limit that was met. */
static void why_say(struct source_watch *watch, const char *path, int error)
{
	const char *limit = error == ENOSPC   ? "fs.inotify.max_user_watches is reached"
			    : error == EMFILE ? "fs.inotify.max_user_instances or the limit of open files is "
						"reached"
					      : strerror(error);
	if (!watch->why[0])
		snprintf(watch->why, sizeof(watch->why), "%s%scannot be watched: %s", path, *path ? " " : "",
			limit);
}

static bool is_inotify(int descriptor)
{
	char path[64], target[64] = "";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
	return readlink(path, target, sizeof(target) - 1) > 0 && strcmp(target, "anon_inode:inotify") == 0;
}

/* Opens the queue. No thread of this program opens files meanwhile. */
static bool queue_open(struct source_watch *watch)
{
	int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) {
		why_say(watch, "", errno);
		return false;
	}
	close(descriptor);
	if (!inotifytools_initialize()) {
		why_say(watch, "", inotifytools_error());
		return false;
	}
	/* the library asks select, which knows no higher ones */
	if (descriptor >= FD_SETSIZE || !is_inotify(descriptor) ||
		fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) {
		inotifytools_cleanup();
		why_say(watch, "", ENOSYS);
		return false;
	}
	watch->descriptor = descriptor;
	return true;
}

/* Watches one folder. What is not there any more, the next look finds. */
static void folder_watch(struct source_watch *watch, struct reach_folder *folder)
{
	const bool matters = folder->is_tree || folder->names.count;
	int events = ITSELF;
	if (matters)
		events |= NAMES;
	if (folder->files)
		events |= FILES;
	if (!inotifytools_watch_file(folder->path, events)) {
		int error = inotifytools_error();
		/* on the way to a PATH there may be folders that one may pass through and not read */
		if (error != ENOENT && error != ENOTDIR && (error != EACCES || matters))
			why_say(watch, folder->path, error);
		return;
	}
	int number = inotifytools_wd_from_filename(folder->path);
	if (number >= watch->numbers) {
		int room = 2 * number + 16;
		watch->by_number =
			reallocarray(watch->by_number, (size_t)room, sizeof(struct reach_folder *));
		if (!watch->by_number)
			memory_ended();
		memset(watch->by_number + watch->numbers, 0,
			(size_t)(room - watch->numbers) * sizeof(struct reach_folder *));
		watch->numbers = room;
	}
	if (number > 0)
		watch->by_number[number] = folder;
}

/* A new queue for a new reach, which is the watch's from now on. */
static void watching_begin(struct source_watch *watch, struct reach *reach)
{
	watching_end(watch);
	reach_free(watch->reach);
	watch->reach = reach;
	watch->ended = false;
	watch->why[0] = '\0';
	if (!queue_open(watch))
		return;
	for (uint32_t i = 0; i < reach->folders.count; i++)
		folder_watch(watch, reach->folders.item[i]);
}

bool source_watch_renew(struct source_watch *watch)
{
	bool changed = false;
	for (int looks = 0; looks < LOOKS_MOST; looks++) {
		struct reach *now = reach_look(&watch->paths);
		/* after the look: a folder that got the number of a removed one has ended that one's watch */
		events_take(watch);
		const bool same = watch->reach && !watch->ended && reach_equal(watch->reach, now);
		const bool limited = watch->why[0];
		if (same && (!limited || looks)) {
			reach_free(now);
			break;
		}
		watching_begin(watch, now);
		changed |= !same || !watch->why[0];
	}
	changed |= watch->pending;
	watch->pending = false;
	return changed;
}

int source_watch_descriptor(const struct source_watch *watch)
{
	return watch->descriptor;
}

bool source_watch_drain(struct source_watch *watch)
{
	events_take(watch);
	const bool changed = watch->pending;
	watch->pending = false;
	return changed;
}

const char *source_watch_why(const struct source_watch *watch)
{
	return watch->why[0] ? watch->why : NULL;
}
