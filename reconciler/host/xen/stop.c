/* Ending a guest: asked first, then destroyed. Both look before they act, because xl waits a minute for
 * guests that cannot hear; both end by what is seen, because xl's exit status says neither that a guest
 * stopped nor that it did not. A monitor of xl that lives may bring a guest back that is absent now: it is
 * waited for. What an xl that was killed left of a guest goes with it: its scripts are waited for, its
 * backends and loop devices are released. */
#include "base/file.h"
#include "host/xen/job.h"
#include "host/xen/loops.h"
#include <errno.h>
#include <string.h>

enum {
	PACE = 300,                /* ms between two looks */
	ACKNOWLEDGE_LIMIT = 65000, /* xl itself gives up after 60 s */
	DESTROY_LIMIT = 120000,
	DESTROY_TRIES = 3,
	SCRIPTS_LIMIT = 45000,  /* xl itself gives a hotplug script 40 s */
	BACKENDS_LIMIT = 15000, /* after that nobody takes them away any more */
	RELEASE_LIMIT = 10000,
	RELEASES = 16,      /* runs of losetup */
	REQUEST_LIMIT = 64, /* bytes of control/shutdown, which the guest may write */
};

static void note_trouble(struct job *job)
{
	if (!job_succeeded(job))
		job->trouble = xl_failure(job->arena, job->argv, job_result(job));
}

/* The request would be obeyed whenever the guest wakes up. */
static void withdraw_request(struct job *job, int64_t domid)
{
	const char *path = arena_format(job->arena, "/local/domain/%lld/control/shutdown", (long long)domid);
	const char *request = store_read(job->xen->store, job->arena, REQUEST_LIMIT, "%s", path);
	if (request && *request && !store_write(job->xen->store, path, ""))
		job->trouble = "the request could not be withdrawn";
}

static void shutdown_gave_up(struct job *job, const char *why)
{
	if (job->escalates)
		job_done(job, why);
	else
		job_fail(job, OUTCOME_TRANSIENT, "with spec.shutdown.escalate: destroy it is destroyed then",
			"%s%s%s", why, job->trouble ? ": " : "", job->trouble ? job->trouble : "");
}

static void shutdown_wait(struct job *job);

static void shutdown_look(struct job *job)
{
	job_look(job, shutdown_wait);
}

static void shutdown_asked(struct job *job)
{
	note_trouble(job);
	shutdown_look(job);
}

static void shutdown_ask(struct job *job, int64_t domid)
{
	const char *type = store_read(job->xen->store, job->arena, 8, "/libxl/%lld/type", (long long)domid);
	const int64_t left = job->deadline - runner_now();
	const bool hvm = text_equal(type, "hvm");
	job->domid = domid;
	/* -F: a guest without drivers for Xen gets the power button */
	job_run(job,
		job_xl(job, "shutdown", hvm ? "-F" : job_domid(job, domid),
			hvm ? job_domid(job, domid) : NULL, NULL),
		left < ACKNOWLEDGE_LIMIT ? left : ACKNOWLEDGE_LIMIT, shutdown_asked);
}

static void shutdown_wait(struct job *job)
{
	const struct listed *listed;
	if (!job_listed(job, &listed))
		return;
	if (!listed || listed->power == found_power_Stopped) {
		job_done(job, NULL);
	} else if (runner_now() >= job->deadline) {
		withdraw_request(job, listed->domid);
		shutdown_gave_up(job, arena_format(job->arena, "it did not shut down within %lld s",
					      (long long)job->number));
	} else if (listed->power == found_power_Paused && !job->domid) {
		shutdown_gave_up(job, "it is paused, and cannot hear the request");
	} else if (listed->power == found_power_Running && listed->domid != job->domid) {
		shutdown_ask(job, listed->domid); /* also a guest that rebooted instead */
	} else {
		job_sleep(job, PACE, shutdown_look);
	}
}

void shutdown_begin(struct job *job)
{
	shutdown_look(job);
}

static void destroy_finish(struct job *job)
{
	bool unmarked = store_unmark(job->xen->store, job->xen->owner, job->uuid);
	if (!file_remove(job->cfg))
		job_done(job,
			arena_format(job->arena, "%s could not be removed: %s", job->cfg, strerror(errno)));
	else
		job_done(job, unmarked ? NULL : "its mark in xenstore could not be removed");
}

static void destroy_released(struct job *job)
{
	note_trouble(job);
	job->releases++;
	destroy_begin(job);
}

/* A list that began after the loop devices were seen, and after the scripts that made them ended: whoever has
 * one by now is in it, and has told xenstore. */
static void destroy_unused(struct job *job)
{
	const struct listed *listed;
	struct list domids = {0};
	const struct list *all = &job->xen->listing.domains;
	if (!job_listed(job, &listed))
		return;
	for (uint32_t i = 0; i < all->count; i++)
		list_add(job->arena, &domids, &((struct listed *)all->item[i])->domid);
	loops_spare(&job->loops, job->xen->store, job->arena, &domids);
	loops_spare_claimed(&job->loops);
	const struct loop_device *loop = job->loops.count ? job->loops.item[0] : NULL;
	if (!loop)
		destroy_finish(job);
	else if (job->releases >= RELEASES)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "the domain is gone, but its %s is not: %s",
			loop->device, job->trouble ? job->trouble : "");
	else
		job_run(job, loop_release(job->arena, loop), RELEASE_LIMIT, destroy_released);
}

/* Loop devices that its killed xl made and told nobody of. */
static void destroy_release(struct job *job)
{
	job->loops = (struct list){0};
	if (job->files.count)
		loops_read(job->arena, "", &job->loops);
	loops_keep(&job->loops, NULL, &job->files);
	if (!job->loops.count)
		destroy_finish(job);
	else if (!hotplug_runs("", -1))
		job_look(job, destroy_unused);
	else if (runner_now() < job->deadline)
		job_sleep(job, PACE, destroy_begin);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL,
			"the domain is gone, but scripts of Xen have not ended");
}

/* Nothing of it is listed. Disks may be used again when the backends are gone. */
static void destroy_absent(struct job *job)
{
	ARENA_SCOPED arena = arena_new();
	struct list processes = {0};
	xl_processes(arena, &processes);
	const struct xl_process *monitor = xl_monitor(&processes, job->cfg, job->name);
	/* without xenstore nobody can tell, then or later: what is said of the mark says that too */
	const bool backends = job->domid && store_reachable(job->xen->store) &&
			      store_backends_left(job->xen->store, job->domid);
	const bool scripts = job->domid && hotplug_runs("", job->domid);
	const bool late = runner_now() >= job->deadline;
	if (!monitor && !scripts && backends && runner_now() - job->since > BACKENDS_LIMIT)
		store_backends_remove(job->xen->store, job->domid);
	if (!monitor && !backends && !scripts)
		destroy_release(job);
	else if (!late)
		job_sleep(job, PACE, destroy_begin);
	else if (backends || scripts)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "the domain is gone, but its devices are not");
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL,
			"the domain is gone, but xl's monitor of it (process %lld) is not",
			(long long)monitor->pid);
}

static void destroy_ended(struct job *job)
{
	note_trouble(job);
	job->tries++;
	job->since = runner_now();
	destroy_begin(job);
}

/* It was destroyed, and needs a moment. */
static bool is_going(const struct job *job, const struct listed *listed)
{
	return job->tries && listed->domid == job->domid &&
	       (listed->power == found_power_Dying || runner_now() - job->since < 2000);
}

/* The scripts of a killed xl go on, and would make devices of what is destroyed under them. */
static bool scripts_work(const struct job *job, const struct listed *listed)
{
	return runner_now() - job->begun < SCRIPTS_LIMIT && hotplug_runs("", listed->domid);
}

static void destroy_look(struct job *job)
{
	const struct listed *listed;
	if (!job_listed(job, &listed))
		return;
	if (!listed) {
		destroy_absent(job);
	} else if (runner_now() >= job->deadline ||
		   (job->tries >= DESTROY_TRIES && listed->power != found_power_Dying)) {
		job_fail(job, OUTCOME_TRANSIENT,
			"its memory may be held by a backend or another domain: see `xl list -v`",
			"domain %lld is still there (%s)%s%s", (long long)listed->domid,
			choice_found_power[listed->power], job->trouble ? ": " : "",
			job->trouble ? job->trouble : "");
	} else if (is_going(job, listed) || scripts_work(job, listed)) {
		job_sleep(job, PACE, destroy_begin);
	} else {
		if (job->domid != listed->domid)
			loops_files(job->xen->store, job->arena, listed->domid, &job->files);
		job->domid = listed->domid;
		job_run(job, job_xl(job, "destroy", job_domid(job, listed->domid), NULL, NULL), DESTROY_LIMIT,
			destroy_ended);
	}
}

void destroy_begin(struct job *job)
{
	job_look(job, destroy_look);
}
