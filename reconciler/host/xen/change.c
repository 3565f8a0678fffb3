/* Changes of a guest that runs: memory, and waking it. Each is one run of xl, judged by what is seen after
 * it. */
#include "host/xen/job.h"
#include "model/quantity.h"
#include <string.h>

enum { CHANGE_LIMIT = 20000 /* ms */, UNPAUSE_TRIES = 8 };

/* The domain, where it is there and alive; else the job is ended. */
static const struct listed *alive(struct job *job)
{
	const struct listed *listed;
	if (!job_listed(job, &listed))
		return NULL;
	if (listed && (listed->power == found_power_Running || listed->power == found_power_Paused))
		return listed;
	job_fail(job, OUTCOME_TRANSIENT, NULL, "it is %s",
		listed ? choice_found_power[listed->power] : "not there");
	return NULL;
}

/* What is asked of the balloon, in bytes; -1 if not known. xenstore keeps it without the video memory. */
static int64_t memory_target(struct job *job)
{
	const long long domid = (long long)job->domid;
	int64_t target = store_number(job->xen->store, "/local/domain/%lld/memory/target", domid);
	int64_t video = store_number(job->xen->store, "/local/domain/%lld/memory/videoram", domid);
	return target < 0 ? -1 : (target + (video > 0 ? video : 0)) * KiB;
}

static void memory_judge(struct job *job)
{
	if (memory_target(job) == job->number)
		job_done(job, NULL);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL, "%s",
			xl_failure(job->arena, job->argv, job_result(job)));
}

static void memory_set(struct job *job)
{
	char floor[32];
	const struct listed *listed = alive(job);
	if (!listed)
		return;
	job->domid = listed->domid;
	const int64_t target = memory_target(job);
	if (job->number < job->xen->memory_floor && job->number < target)
		job_fail(job, OUTCOME_TERMINAL, NULL,
			"the guest would die of it: the host's memoryFloor is %s",
			size_text(job->xen->memory_floor, floor));
	else if (job->number == target)
		job_done(job, NULL);
	else
		job_run(job,
			job_xl(job, "mem-set", job_domid(job, listed->domid),
				arena_format(job->arena, "%lldk", (long long)(job->number / KiB)), NULL),
			CHANGE_LIMIT, memory_judge);
}

void memory_begin(struct job *job)
{
	job_look(job, memory_set);
}

/* Xen counts pauses: one unpause may not be enough. xl's exit status is always 0. */
static void unpause_look(struct job *job)
{
	const struct listed *listed = alive(job);
	if (!listed)
		return;
	if (listed->power == found_power_Running)
		job_done(job, NULL);
	else if (job->half_built)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "it may be half-built: it is not unpaused");
	else if (job->tries++ < UNPAUSE_TRIES)
		job_run(job, job_xl(job, "unpause", job_domid(job, listed->domid), NULL, NULL), CHANGE_LIMIT,
			unpause_begin);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL, "it is still paused after %d unpauses", UNPAUSE_TRIES);
}

void unpause_begin(struct job *job)
{
	job_look(job, unpause_look);
}
