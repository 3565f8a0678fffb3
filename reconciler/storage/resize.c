/* A file that qemu-img is to change, which nobody may have open: neither a guest's QEMU nor a qemu-nbd would
 * see what another program does to its tables, and guests' QEMUs keep no lock that would tell. A QEMU whose
 * guest has just gone may need a moment to end, so it is waited for, but not for long.
 *
 *   waiting   somebody has it open
 *   resizing  qemu-img resize */
#include "storage/resize.h"
#include "base/file.h"
#include "model/quantity.h"
#include "storage/served.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum progress { WAITING = 1, RESIZING };
enum { WAITS = 50, WORD_LIMIT = 64 };

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

/* Who has it open: "qemu-system-i38 (process 812)"; NULL: nobody. */
static const char *user_of(struct layer_job *job)
{
	ARENA_SCOPED scratch = arena_new();
	DIR_SCOPED dir = opendir(arena_format(job->arena, "%s/proc", job->root));
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char *end;
		const long process = strtol(entry->d_name, &end, 10);
		arena_reset(scratch);
		if (*end || process <= 0 || !server_has_file(scratch, job->root, process, job->found->id))
			continue;
		char *name = file_read(scratch, arena_format(scratch, "%s/proc/%ld/comm", job->root, process),
			WORD_LIMIT, NULL);
		if (name)
			name[strcspn(name, "\n")] = '\0';
		return arena_format(job->arena, "%s (process %ld)", name ? name : "somebody", process);
	}
	return NULL;
}

static bool is_reserved(const struct layer_job *job)
{
	return job->want->file && job->want->file->preallocation == preallocation_full;
}

static bool resize(struct layer_job *job)
{
	const struct LayerFound *recorded = job->recorded;
	const char **argv = arena_array(job->arena, const char *, 9);
	int count = 0;
	argv[count++] = "qemu-img";
	argv[count++] = "resize";
	argv[count++] = "-q";
	argv[count++] = "-f";
	argv[count++] = choice_disk_format[recorded->format];
	if (is_reserved(job))
		argv[count++] = "--preallocation=falloc";
	argv[count++] = recorded->path;
	argv[count++] = arena_format(job->arena, "%" PRId64, job->found->size);
	job->stage = RESIZING;
	job->argv = argv;
	return true;
}

bool resize_begin(struct layer_job *job)
{
	const char *user = user_of(job);
	if (!user)
		return resize(job);
	if (job->waits++ >= WAITS)
		return layer_fail(job, false, "it grows when that has ended",
			"%s cannot grow: %s has it open", job->recorded->path, user);
	job->stage = WAITING;
	return layer_run(job, "sleep", "0.1");
}

bool resize_end(struct layer_job *job)
{
	return job->stage == WAITING ? resize_begin(job) : true;
}

/* A qemu-nbd that came in between keeps a lock. */
bool resize_again(struct layer_job *job, const char *errors)
{
	return job->stage == RESIZING && strstr(errors, "Failed to get \"write\" lock");
}

bool resize_judge(struct layer_job *job, bool seen, int64_t size)
{
	char is[32], wanted[32];
	if (!seen)
		return job->error ? false : layer_fail(job, false, NULL, "%s is gone", job->recorded->path);
	return job->found->size == size ||
	       layer_fail(job, false, NULL, "%s has %s after it grew, instead of %s", job->recorded->path,
		       size_text(job->found->size, is), size_text(size, wanted));
}
