/* Changes of a guest that runs: memory, cpus, its name, and waking it. Each is one run of xl, judged by what
 * is seen after it; what is so already is left alone.
 *
 *   set-memory      memory/target in xenstore
 *   set-vcpus       cpu/K/availability in xenstore, which dom0 writes: the guest acts on it when it likes
 *   set-cpus        xl vcpu-list
 *   set-scheduler   xl sched-credit2
 *   rename          xl list -v
 *   unpause         xl list -v
 */
#include "host/xen/job.h"
#include "host/xen/xl_cpus.h"
#include "model/cpus.h"
#include "model/quantity.h"
#include <string.h>

enum { CHANGE_LIMIT = 20000 /* ms */, UNPAUSE_TRIES = 8 };

/* The job fails with what its last run of xl said. */
static void fail_as_xl(struct job *job)
{
	const char *hint = xl_hint(job_result(job));
	job_fail(job, hint ? OUTCOME_TERMINAL : OUTCOME_TRANSIENT, hint, "%s",
		xl_failure(job->arena, job->argv, job_result(job)));
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
		fail_as_xl(job);
}

static void memory_set(struct job *job)
{
	char floor[32];
	const struct listed *listed = job_alive(job);
	if (!listed)
		return;
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
	const struct listed *listed = job_alive(job);
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

static void vcpus_judge(struct job *job)
{
	if (store_vcpus(job->xen->store, job->domid) == job->number)
		job_done(job, NULL);
	else
		fail_as_xl(job);
}

/* -i: a guest may have more vcpus than the host has cpus, as at its creation. */
static void vcpus_set(struct job *job)
{
	if (!job_alive(job))
		return;
	if (store_vcpus(job->xen->store, job->domid) == job->number)
		job_done(job, NULL);
	else
		job_run(job,
			job_words(job, "xl", "vcpu-set", "-i", job_domid(job, job->domid),
				arena_format(job->arena, "%lld", (long long)job->number), NULL),
			CHANGE_LIMIT, vcpus_judge);
}

void vcpus_begin(struct job *job)
{
	job_look(job, vcpus_set);
}

/* What the host does not have of the cpus is left out by xl, and by the comparison in diff: here any change
 * that xl says it made counts, if the table agrees that all vcpus have the same. */
static void cpus_judge(struct job *job)
{
	struct list affinities;
	const char *cpus =
		job_succeeded(job) && xl_affinities(job->arena, job_result(job)->output, &affinities)
			? xl_affinity(&affinities, job->domid)
			: NULL;
	if (job->trouble)
		job_fail(job, job->trouble_outcome, job->hint, "%s", job->trouble);
	else if (cpus && strcmp(cpus, "various") != 0)
		job_done(job, NULL);
	else
		fail_as_xl(job);
}

/* Its exit status is 0 also where some vcpu could not be pinned. */
static void cpus_ended(struct job *job)
{
	if (!job_succeeded(job)) {
		job->hint = xl_hint(job_result(job));
		job->trouble = xl_failure(job->arena, job->argv, job_result(job));
		job->trouble_outcome = job->hint ? OUTCOME_TERMINAL : OUTCOME_TRANSIENT;
	}
	job_run(job, job_xl(job, "vcpu-list", job_domid(job, job->domid), NULL, NULL), CHANGE_LIMIT,
		cpus_judge);
}

static void cpus_set(struct job *job)
{
	if (job_alive(job))
		job_run(job, job_xl(job, "vcpu-pin", job_domid(job, job->domid), "all", job->cpus),
			CHANGE_LIMIT, cpus_ended);
}

void cpus_begin(struct job *job)
{
	job_look(job, cpus_set);
}

static void scheduler_judge(struct job *job)
{
	const struct Scheduler *want = job->scheduler;
	int64_t weight, cap;
	if (job->trouble)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "%s", job->trouble);
	else if (!job_succeeded(job) ||
		 !xl_share(job->arena, job_result(job)->output, job->domid, &weight, &cap))
		fail_as_xl(job);
	else if ((KNOWN(want, Scheduler, weight) && weight != want->weight) ||
		 (KNOWN(want, Scheduler, cap) && cap != want->cap))
		job_fail(job, OUTCOME_TRANSIENT, NULL, "it has weight %lld and cap %lld after it",
			(long long)weight, (long long)cap);
	else
		job_done(job, NULL);
}

static void scheduler_ended(struct job *job)
{
	if (!job_succeeded(job))
		job->trouble = xl_failure(job->arena, job->argv, job_result(job));
	job_run(job, job_xl(job, "sched-credit2", "-d", job_domid(job, job->domid), NULL), CHANGE_LIMIT,
		scheduler_judge);
}

static void scheduler_set(struct job *job)
{
	const struct Scheduler *want = job->scheduler;
	if (!job_alive(job))
		return;
	const char *weight = arena_format(job->arena, "%lld", (long long)want->weight);
	const char *cap = arena_format(job->arena, "%lld", (long long)want->cap);
	const char *domid = job_domid(job, job->domid);
	const bool both = KNOWN(want, Scheduler, weight) && KNOWN(want, Scheduler, cap);
	job_run(job,
		both ? job_words(job, "xl", "sched-credit2", "-d", domid, "-w", weight, "-c", cap, NULL)
		: KNOWN(want, Scheduler, weight)
			? job_words(job, "xl", "sched-credit2", "-d", domid, "-w", weight, NULL)
			: job_words(job, "xl", "sched-credit2", "-d", domid, "-c", cap, NULL),
		CHANGE_LIMIT, scheduler_ended);
}

void scheduler_begin(struct job *job)
{
	job_look(job, scheduler_set);
}

/* Of one that is being renamed: its name before and after are told apart by the UUID alone. */
static void rename_judge(struct job *job)
{
	const struct listed *listed = job_alive(job);
	if (!listed)
		return;
	if (text_equal(listed->name, job->domain->xen_name))
		job_done(job, NULL);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL, "%s",
			job->trouble ? job->trouble : "xl rename has not renamed it");
}

static void rename_ended(struct job *job)
{
	if (!job_succeeded(job))
		job->trouble = xl_failure(job->arena, job->argv, job_result(job));
	job_look(job, rename_judge);
}

static void rename_set(struct job *job)
{
	const char *name = job->domain->xen_name;
	const struct listed *listed = job_alive(job);
	const struct listed *other = xl_list_named(&job->xen->listing.domains, name);
	if (!listed)
		return;
	if (text_equal(listed->name, name))
		job_done(job, NULL);
	else if (other)
		job_fail(job, OUTCOME_TERMINAL, "rename one of them", "domain %lld (%s) has the name %s",
			(long long)other->domid, other->uuid, name);
	else
		job_run(job, job_xl(job, "rename", job_domid(job, job->domid), name, NULL), CHANGE_LIMIT,
			rename_ended);
}

void rename_begin(struct job *job)
{
	job_look(job, rename_set);
}
