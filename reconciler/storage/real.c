/* Real storage: layers on this machine's disks. begin does what takes no time and starts at most one program
 * in the runner; reap looks whether a program has ended, lets the verb check and publish what it made, and
 * never waits. The verbs are in create.c, remove.c and verify.c, what is found in volume.c and image.c. */
#include "storage/artefact.h"
#include "storage/drive.h"
#include "storage/image.h"
#include "storage/work.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ENVIRONMENT = 8 }; /* variables that a step may give to its program */

static struct real *real_of(const struct storage *storage)
{
	return (struct real *)storage;
}

static const struct work_verb *const verbs[] = {&work_create, &work_open, &work_grow, &work_close,
	&work_record, &work_remove, &work_verify, &work_config_create, &work_config_remove,
	&work_config_record};

static const struct work_verb *verb_of(enum verb verb)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (verbs[i]->verb == verb)
			return verbs[i];
	return NULL;
}

bool work_fail(struct work *work, enum outcome outcome, const char *hint, const char *format, ...)
{
	va_list arguments;
	char *text;
	va_start(arguments, format);
	int size = vasprintf(&text, format, arguments);
	va_end(arguments);
	work->result.outcome = outcome;
	work->result.message =
		size < 0 ? "no memory for the words of an error" : arena_text(work->arena, text);
	work->result.hint = hint;
	if (size >= 0)
		free(text);
	return false;
}

bool work_fail_errno(struct work *work, int error, const char *path)
{
	if (error == ENOSPC || error == EDQUOT)
		return work_fail(work, OUTCOME_TRANSIENT, artefact_full_hint, "%s: %s", path, artefact_full);
	return work_fail(work, OUTCOME_TRANSIENT, NULL, "%s: %s", path, strerror(error));
}

/* The package of Debian in which a program is, for those that are no part of every system. */
static const char *package_of(const char *program)
{
	static const struct {
		const char *program, *package;
	} packages[] = {
		{"qemu-img", "qemu-utils"},
		{"qemu-nbd", "qemu-utils"},
		{"sha256sum", "coreutils"},
		{"mkfs.ext4", "e2fsprogs"},
		{"resize2fs", "e2fsprogs"},
		{"mkfs.xfs", "xfsprogs"},
		{"xfs_growfs", "xfsprogs"},
		{"lvs", "lvm2"},
		{"lvcreate", "lvm2"},
		{"lvrename", "lvm2"},
		{"lvchange", "lvm2"},
		{"lvextend", "lvm2"},
		{"lvremove", "lvm2"},
		{"blkdiscard", "util-linux"},
		{"xorriso", "xorriso"},
		{"mount", "mount"},
		{"umount", "mount"},
	};
	for (size_t i = 0; i < sizeof(packages) / sizeof(*packages); i++)
		if (text_equal(packages[i].program, program))
			return packages[i].package;
	return NULL;
}

/* The words for a program that failed. */
static void child_failed(struct work *work, const struct run_result *result)
{
	const char *words = run_failure(work->arena, work->argv, result);
	const char *package = package_of(work->argv[0]);
	if (!result->started && result->error == ENOENT)
		work_fail(work, OUTCOME_TERMINAL,
			package ? arena_format(work->arena, "install the package %s", package) : NULL,
			"%s is not installed: %s", work->argv[0], words);
	else if (result->started && strstr(result->errors, "No space left on device"))
		work_fail(work, OUTCOME_TRANSIENT, artefact_full_hint, "%s: %s", artefact_full, words);
	else
		work_fail(work, OUTCOME_TRANSIENT, NULL, "%s", words);
}

/* Runs work->argv, until the deadline of the whole work. */
static void program_start(struct work *work)
{
	/* in the C locale a full disk is known by its words */
	const char *environment[ENVIRONMENT + 2] = {"LC_ALL=C"};
	for (int i = 0; i < ENVIRONMENT && work->environment && work->environment[i]; i++)
		environment[i + 1] = work->environment[i];
	work->child =
		runner_start(work->real->runner, work->argv, environment, work->deadline_ms - runner_now());
}

/* A program has ended: the work goes on with another one, or has ended, too. */
static void program_end(struct work *work)
{
	struct child *child = work->child;
	const struct run_result *result = child_result(child);
	const bool good = result->started && !result->timed_out && !result->signaled && result->status == 0;
	const char *const *argv = work->argv;
	work->argv = NULL;
	work->result.outcome = OUTCOME_DONE;
	if (good)
		work->verb->finish(work);
	else if (!(result->started && work->verb->again && work->verb->again(work, result))) {
		work->argv = argv;
		child_failed(work, result);
		work->argv = NULL;
		if (work->verb->abandon)
			work->verb->abandon(work);
	}
	work->child = NULL;
	if (work->argv && work->result.outcome == OUTCOME_DONE)
		program_start(work);
	else
		work->ended = true;
	child_drop(child);
}

static void work_free(struct work *work)
{
	if (work->child)
		child_drop(work->child);
	work_step_abandon(work);
	arena_free(work->arena);
}

static void begin(struct storage *storage, const struct action *action, const struct links *links)
{
	/* what is below a layer is found on the disk again, by the label: it also holds for a creation that
	 * is resumed */
	(void)links;
	struct real *real = real_of(storage);
	struct arena *arena = arena_new();
	struct work *work = arena_make(arena, struct work), **last = &real->first;
	*work = (struct work){.arena = arena,
		.real = real,
		.verb = verb_of(action->verb),
		.deadline_ms = runner_now() + verb_table[action->verb].deadline * (int64_t)1000,
		.job.lock = -1};
	work->result.id = action->id;
	while (*last)
		last = &(*last)->next;
	*last = work;

	if (!work->verb)
		work_fail(
			work, OUTCOME_TERMINAL, NULL, "storage cannot do %s", verb_table[action->verb].verb);
	else if (work->verb->begin(work, action) && work->argv)
		program_start(work);
	work->ended = !work->child;
}

static bool reap(struct storage *storage, struct finished *done)
{
	for (struct work **at = &real_of(storage)->first; *at; at = &(*at)->next) {
		struct work *work = *at;
		if (work->child && child_ended(work->child))
			program_end(work);
		if (!work->ended)
			continue;
		struct arena *arena = done->arena;
		*done = work->result;
		done->arena = arena;
		done->message = arena_text(arena, done->message);
		done->hint = arena_text(arena, done->hint);
		done->link.bind = NULL; /* whoever needs it finds it again from the label */
		done->link.place = arena_text(arena, done->link.place);
		done->link.path = arena_text(arena, done->link.path);
		done->link.id = arena_text(arena, done->link.id);
		*at = work->next;
		work_free(work);
		return true;
	}
	return false;
}

static unsigned busy(const struct storage *storage)
{
	unsigned count = 0;
	for (const struct work *work = real_of(storage)->first; work; work = work->next)
		count++;
	return count;
}

static void observe(struct storage *storage, const struct want *want, struct have *have)
{
	struct real *real = real_of(storage);
	const char *why;
	have->storage_known = volume_observe(real, have, &why);
	if (!have->storage_known && !have->why_unknown)
		have->why_unknown = why;
	drives_observe(real, want, have);
	have->found->at[Observation_images] = &mark_observed;
	for (uint32_t i = 0; want && i < want->images.count; i++)
		list_add(have->arena, &have->found->images,
			image_observe(have->arena, want->images.item[i], real->state_dir));
}

static void sweep(struct storage *storage, const struct want *want, const struct have *have)
{
	drives_sweep(real_of(storage), want, have);
}

static void close_real(struct storage *storage)
{
	struct real *real = real_of(storage);
	for (struct work *work = real->first, *next; work; work = next) {
		next = work->next;
		work_free(work);
	}
	arena_free(real->arena);
}

static const struct storage_driver driver = {
	.name = "real",
	.observe = observe,
	.begin = begin,
	.reap = reap,
	.busy = busy,
	.sweep = sweep,
	.close = close_real,
};

/* texts may be NULL */
static struct texts texts_copy(struct arena *arena, const struct texts *texts)
{
	struct texts copy = {.item = arena_array(arena, const char *, texts ? texts->count : 0)};
	for (uint32_t i = 0; texts && i < texts->count; i++)
		copy.item[copy.count++] = arena_text(arena, texts->item[i]);
	return copy;
}

struct storage *storage_real(const struct storage_options *options, struct report *report)
{
	const char *state_dir = options->state_dir;
	static const char hint[] = "--state-dir names another one";
	struct stat status;
	if (state_dir[0] != '/') {
		report_error(report, NULL, NULL, NULL, "state folder %s is no absolute path", state_dir);
		return NULL;
	}
	bool there = stat(state_dir, &status) == 0;
	if (!there && errno != ENOENT) {
		report_error(report, NULL, NULL, hint, "state folder %s: %s", state_dir, strerror(errno));
		return NULL;
	}
	if (there && !S_ISDIR(status.st_mode)) {
		report_error(report, NULL, NULL, hint, "state folder %s is no folder", state_dir);
		return NULL;
	}
	struct arena *arena = arena_new();
	struct real *real = arena_make(arena, struct real);
	*real = (struct real){
		.storage.driver = &driver,
		.arena = arena,
		.state_dir = arena_text(arena, state_dir),
		.run_dir = arena_text(arena, options->run_dir),
		.image_dir = arena_text(arena, options->image_dir),
		.owner = arena_text(arena, options->owner),
		.root = options->root ? arena_text(arena, options->root) : "",
		.hlfs_dir = arena_text(arena, options->hlfs_dir),
		.runner = options->runner,
	};
	real->nbd = texts_copy(arena, options->nbd);
	real->devices = texts_copy(arena, options->devices);
	return &real->storage;
}
