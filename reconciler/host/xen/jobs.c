/* Actions begun and reaped. A job waits for one of four things, and goes on when it has come:
 *
 *   child      a program of its own ends
 *   listing    a run of `xl list -v` that began after the job asked ends; jobs share it
 *   wake       a time comes: the next look at something that nobody announces
 *   listener   a guest writes one of the nodes that are watched for jobs, or the time comes
 */
#include "base/file.h"
#include "host/xen/cfg.h"
#include "host/xen/job.h"
#include "host/xen/listener.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LISTING_DEADLINE = 15000,
	LISTING_RETRIES = 2, /* of one job: what was begun is not given up for a look that failed */
	GRACE = 20000,       /* ms beyond a job's deadline, in which its own last look may end */
	MARK_LIMIT = 2000,   /* bytes: oxenstored refuses values over 2048 */
};

/* Verbs that this driver can do. */
static void (*const first_steps[VERBS])(struct job *) = {
	[verb_domain_check] = check_begin,
	[verb_domain_configure] = configure_begin,
	[verb_domain_create] = create_begin,
	[verb_domain_verify] = verify_begin,
	[verb_config_acknowledge] = acknowledge_begin,
	[verb_domain_unpause] = unpause_begin,
	[verb_domain_set_memory] = memory_begin,
	[verb_domain_set_vcpus] = vcpus_begin,
	[verb_domain_set_cpus] = cpus_begin,
	[verb_domain_set_scheduler] = scheduler_begin,
	[verb_domain_rename] = rename_begin,
	[verb_domain_record] = record_begin,
	[verb_disk_attach] = disk_attach_begin,
	[verb_disk_detach] = disk_detach_begin,
	[verb_disk_grow] = disk_grow_begin,
	[verb_nic_attach] = nic_attach_begin,
	[verb_nic_detach] = nic_detach_begin,
	[verb_domain_shutdown] = shutdown_begin,
	[verb_domain_destroy] = destroy_begin,
};

bool xen_can(enum verb verb)
{
	return first_steps[verb] != NULL;
}

static void job_rest(struct job *job)
{
	child_drop(job->child);
	job->child = NULL;
	job->listing = 0;
	job->wake = 0;
	job->listens = false;
}

void job_run(struct job *job, const char *const *argv, int64_t limit_ms, void (*then)(struct job *))
{
	job_rest(job);
	job->argv = argv;
	job->child = runner_start(job->xen->runner, argv, NULL, limit_ms);
	job->step = then;
}

void job_look(struct job *job, void (*then)(struct job *))
{
	job_rest(job);
	job->listing = job->xen->listing.begun + 1;
	job->step = then;
}

void job_sleep(struct job *job, int64_t ms, void (*then)(struct job *))
{
	job_rest(job);
	job->wake = runner_now() + ms;
	job->step = then;
}

void job_listen(struct job *job, int64_t ms, void (*then)(struct job *))
{
	job_sleep(job, ms, then);
	job->listens = true;
	job->heard = listener_events(job->xen->listener);
}

static void job_leave(struct job *job)
{
	if (job->listening)
		listener_leave(job->xen->listener, job->listening_to);
	job->listening = false;
}

static void job_end(struct job *job, enum outcome outcome, const char *message, const char *hint)
{
	job->outcome = outcome;
	job->message = message;
	job->hint = hint;
	job->step = NULL;
	job_leave(job);
	if (job->file)
		(void)remove(job->file);
}

void job_done(struct job *job, const char *remark)
{
	job_end(job, OUTCOME_DONE, remark, NULL);
}

void job_fail(struct job *job, enum outcome outcome, const char *hint, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *message = NULL;
	if (vasprintf(&message, format, arguments) < 0)
		memory_ended();
	va_end(arguments);
	job_end(job, outcome, arena_text(job->arena, message), arena_text(job->arena, hint));
	free(message);
}

const struct run_result *job_result(const struct job *job)
{
	return child_result(job->child);
}

bool job_succeeded(const struct job *job)
{
	const struct run_result *result = job_result(job);
	return result->started && !result->timed_out && !result->signaled && result->status == 0;
}

bool job_listed(struct job *job, const struct listed **listed)
{
	const struct listing *listing = &job->xen->listing;
	unsigned same = 0;
	/* the step that asked is still the current one */
	if (listing->error && job->misses++ < LISTING_RETRIES) {
		job_look(job, job->step);
		return false;
	}
	if (listing->error) {
		job_fail(job, OUTCOME_TRANSIENT, NULL, "%s", listing->error);
		return false;
	}
	*listed = xl_list_find(&listing->domains, job->uuid, &same);
	if (same > 1)
		job_fail(job, OUTCOME_TERMINAL,
			"decide with `xl list -v` which of them is to stay, and destroy the other",
			"%u domains have the UUID %s", same, job->uuid);
	return same <= 1;
}

const struct listed *job_alive(struct job *job)
{
	const struct listed *listed;
	if (!job_listed(job, &listed))
		return NULL;
	if (listed && (listed->power == found_power_Running || listed->power == found_power_Paused)) {
		job->domid = listed->domid;
		return listed;
	}
	job_fail(job, OUTCOME_TRANSIENT, NULL, "it is %s",
		listed ? choice_found_power[listed->power] : "not there");
	return NULL;
}

int64_t job_left(const struct job *job)
{
	const int64_t left = job->deadline - runner_now();
	return left > 1000 ? left : 1000;
}

char *job_domid(struct job *job, int64_t domid)
{
	return arena_format(job->arena, "%lld", (long long)domid);
}

const char *const *job_xl(
	struct job *job, const char *verb, const char *one, const char *two, const char *three)
{
	const char **argv = arena_array(job->arena, const char *, 6);
	const char *const given[] = {"xl", verb, one, two, three};
	int count = 0;
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
		if (given[i])
			argv[count++] = given[i];
	return argv;
}

const char *const *job_argv(struct job *job, const char *const *words)
{
	int count = 0;
	while (words[count])
		count++;
	const char **argv = arena_array(job->arena, const char *, (size_t)count + 1);
	memcpy(argv, words, sizeof(*argv) * (size_t)count);
	return argv;
}

/* A record as text. One that is longer than xenstore takes loses what only its copy in the state folder
 * needs. */
static const char *mark_of(struct arena *arena, const struct Record *record)
{
	struct Record shorter = *record;
	for (int i = 0;; i++) {
		BUFFER_SCOPED text = {0};
		struct json json = json_to_buffer(&text, false);
		object_json(&json, NULL, &type_Record, &shorter);
		if (text.size <= MARK_LIMIT || i == 2)
			return arena_text(arena, buffer_string(&text));
		shorter.at[i ? Record_nics : Record_xl] = NULL;
	}
}

/* Texts of an observation may be gone before the action is over. */
static void know_what_to_change(struct job *job, const struct action *action, const struct links *links)
{
	const struct link *link =
		links && action->disk_volume ? links_find(links, action->disk_volume->uid) : NULL;
	if (action->disk)
		job->disk = object_copy(job->arena, &type_Disk, action->disk);
	if (action->nic)
		job->nic = object_copy(job->arena, &type_Nic, action->nic);
	if (action->scheduler)
		job->scheduler = object_copy(job->arena, &type_Scheduler, action->scheduler);
	job->cpus = arena_text(job->arena, action->cpus);
	if (!link)
		return;
	job->link = *link;
	job->link.path = arena_text(job->arena, link->path);
}

/* A config drive that is not made yet is checked under the name of what it will be. */
static void know_drive(struct job *job, const struct action *action, const struct links *links)
{
	job->config = action->config;
	if (!action->config || action->disk)
		return;
	const char *uid = action->config->volume.uid;
	const struct link *link = links ? links_find(links, uid) : NULL;
	const struct link stand_in = {
		.path = arena_format(job->arena, "/not-yet-made/%s", uid), .format = disk_format_raw};
	if (link && link->path)
		links_set(&job->links, uid, link);
	else if (action->verb == verb_domain_check)
		links_set(&job->links, uid, &stand_in);
}

void xen_begin(struct host *host, const struct action *action, const struct links *links)
{
	struct xen_host *xen = (struct xen_host *)host;
	struct arena *arena = arena_new();
	struct job *job = arena_make(arena, struct job);
	const char *uuid = action->uid      ? action->uid
			   : action->domain ? action->domain->uid
					    : action->have->uuid;
	const struct HaveDomain *have = action->have;
	*job = (struct job){.xen = xen,
		.next = xen->jobs,
		.arena = arena,
		.id = action->id,
		.verb = action->verb,
		.uuid = arena_text(arena, uuid),
		.cfg = xen_cfg_path(arena, xen, uuid),
		.escalates = action->escalates,
		.number = action->number,
		.begun = runner_now(),
		.domain = action->domain};
	job->name = arena_text(arena, have && KNOWN(have, HaveDomain, name) ? have->name
				      : action->domain                      ? action->domain->xen_name
									    : NULL);
	job->half_built = have && !(KNOWN(have, HaveDomain, halfBuilt) && !have->halfBuilt);
	job->deadline =
		job->begun + 1000 * (verb_table[action->verb].deadline ? verb_table[action->verb].deadline
								       : action->number);
	if (action->record)
		job->mark = mark_of(arena, action->record);
	know_what_to_change(job, action, links);
	if (action->domain)
		job->links = cfg_links(arena, action->domain, NULL);
	for (uint32_t i = 0; action->domain && links && i < action->domain->disks.count; i++) {
		const struct wanted_disk *disk = action->domain->disks.item[i];
		const struct link *link = disk->volume ? links_find(links, disk->volume->uid) : NULL;
		if (link && link->path)
			links_set(&job->links, disk->volume->uid, link);
	}
	know_drive(job, action, links);
	xen->jobs = job;
	cache_forget(xen->cache, job->uuid);
	if (xen_can(action->verb))
		first_steps[action->verb](job);
	else
		job_fail(job, OUTCOME_TERMINAL, NULL, "%s is not yet supported on Xen",
			verb_table[action->verb].verb);
}

bool xen_works_on(const struct xen_host *xen, const char *uuid)
{
	for (const struct job *job = xen->jobs; job; job = job->next)
		if (job->step && strcmp(job->uuid, uuid) == 0)
			return true;
	return false;
}

static void listing_parse(struct listing *listing, const char *const *argv)
{
	const struct run_result *result = child_result(listing->child);
	arena_free(listing->arena);
	listing->arena = arena_new();
	listing->domains = (struct list){0};
	listing->error = NULL;
	if (!result->started || result->timed_out || result->signaled || result->status != 0)
		listing->error = xl_failure(listing->arena, argv, result);
	else if (!xl_list_parse(listing->arena, result->output, &listing->domains, &listing->error))
		listing->domains = (struct list){0};
}

/* Ends the run that is under way if its program has ended; begins another where a job waits for it. */
static void listing_advance(struct xen_host *xen)
{
	static const char *const argv[] = {"xl", "list", "-v", NULL};
	struct listing *listing = &xen->listing;
	if (listing->child && child_ended(listing->child)) {
		listing_parse(listing, argv);
		child_drop(listing->child);
		listing->child = NULL;
		listing->ended = listing->begun;
	}
	if (listing->child)
		return;
	for (const struct job *job = xen->jobs; job; job = job->next) {
		if (job->step && job->listing > listing->begun) {
			listing->begun++;
			listing->child = runner_start(xen->runner, argv, NULL, LISTING_DEADLINE);
			return;
		}
	}
}

static bool job_ready(const struct job *job, int64_t now)
{
	if (!job->step)
		return false;
	if (job->child)
		return child_ended(job->child);
	if (job->listens && listener_events(job->xen->listener) != job->heard)
		return true;
	return job->listing ? job->listing <= job->xen->listing.ended : job->wake <= now;
}

/* Takes every step that can be taken. */
static void jobs_advance(struct xen_host *xen)
{
	bool moved;
	do {
		moved = false;
		listing_advance(xen);
		for (struct job *job = xen->jobs; job; job = job->next) {
			if (job_ready(job, runner_now())) {
				job->step(job);
				moved = true;
			} else if (job->step && !job->child && runner_now() > job->deadline + GRACE) {
				job_fail(job, OUTCOME_TRANSIENT, NULL, "%s did not end in time",
					verb_table[job->verb].verb);
			}
		}
	} while (moved);
}

static int64_t jobs_wake(const struct xen_host *xen, int64_t until)
{
	for (const struct job *job = xen->jobs; job; job = job->next)
		if (job->step && !job->child && !job->listing && job->wake < until)
			until = job->wake;
	return until;
}

static void job_free(struct job *job)
{
	job_leave(job);
	child_drop(job->child);
	arena_free(job->arena);
}

/* Takes one job that has ended out of the chain and tells how. */
static bool jobs_take(struct xen_host *xen, struct finished *done)
{
	for (struct job **at = &xen->jobs, *job; (job = *at); at = &job->next) {
		if (job->step)
			continue;
		struct arena *arena = done->arena;
		*done = (struct finished){.id = job->id,
			.outcome = job->outcome,
			.message = arena_text(arena, job->message),
			.hint = arena_text(arena, job->hint),
			.arena = arena};
		*at = job->next;
		cache_forget(xen->cache, job->uuid);
		job_free(job);
		return true;
	}
	return false;
}

/* Waits for children, and for what jobs listen for: true if it may have been a child. */
static bool jobs_wait(struct xen_host *xen, int64_t until)
{
	bool listens = false;
	for (const struct job *job = xen->jobs; job; job = job->next)
		listens |= job->step && job->listens;
	runner_attend(xen->runner, listens ? listener_descriptor(xen->listener) : -1);
	const bool ended = runner_wait(xen->runner, until);
	runner_attend(xen->runner, -1);
	return ended;
}

bool xen_reap(struct host *host, int64_t until, struct finished *done)
{
	struct xen_host *xen = (struct xen_host *)host;
	for (;;) {
		jobs_advance(xen);
		if (jobs_take(xen, done))
			return true;
		int64_t wake = jobs_wake(xen, until);
		if (jobs_wait(xen, wake)) {
			/* it may have been somebody else's child, or one of both */
			jobs_advance(xen);
			return jobs_take(xen, done);
		}
		if (runner_now() >= until || runner_now() < wake) {
			jobs_advance(xen);
			return jobs_take(xen, done);
		}
	}
}

void xen_jobs_free(struct xen_host *xen)
{
	for (struct job *job; (job = xen->jobs);) {
		xen->jobs = job->next;
		job_free(job);
	}
	child_drop(xen->listing.child);
	arena_free(xen->listing.arena);
}
