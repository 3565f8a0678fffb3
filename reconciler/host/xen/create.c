/* Making a guest: its configuration is checked by xl's own dry run, written, and created from. The mark goes
 * into xenstore before the guest exists, so that a guest of ours is never without it.
 *
 *   domain.check       render -> xl -N create -> compare
 *   domain.configure   render -> RUN_DIR/cfg/UUID.cfg
 *   domain.create      look: free? -> mark -> xl create -> look: is it there?
 *   domain.record      mark
 */
#include "base/file.h"
#include "host/xen/cfg.h"
#include "host/xen/job.h"
#include "host/xen/xl_describe.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CREATE_LIMIT = 150000, /* ms: xl's own limits add up to two minutes and a half */
	CHECK_LIMIT = 20000,
	MONITOR_LIMIT = 15000,  /* a monitor that restarts its guest needs 4 s */
	CONFIG_LIMIT = 1 << 20, /* bytes of a dry run's answer */
};

/* Renders into a file that only root reads: what spec.xl carries may be secret. */
static bool write_cfg(struct job *job, const char *path)
{
	BUFFER_SCOPED text = {0};
	char *error = NULL;
	char *folder = arena_format(job->arena, "%s/cfg", job->xen->run_dir);
	if (!cfg_render(&text, job->domain, &job->links, &error)) {
		job_fail(job, OUTCOME_TERMINAL, NULL, "its configuration cannot be written: %s", error);
		free(error);
		return false;
	}
	if (file_folders(folder, 0700) && file_write(path, text.text, text.size, 0600))
		return true;
	job_fail(job, OUTCOME_TRANSIENT, NULL, "%s: %s", path, strerror(errno));
	return false;
}

static void check_ended(struct job *job)
{
	const struct run_result *result = job_result(job);
	const char *error = NULL;
	struct described described;
	if (!job_succeeded(job)) {
		job_fail(job, result->started && !result->timed_out ? OUTCOME_TERMINAL : OUTCOME_TRANSIENT,
			NULL, "%s", xl_failure(job->arena, job->argv, result));
		return;
	}
	if (result->output_size > CONFIG_LIMIT ||
		!xl_describe_dry_run(job->arena, result->output, result->output_size, &described, &error)) {
		job_fail(job, OUTCOME_TERMINAL, NULL, "%s",
			error ? error : "xl -N create printed far too much");
		return;
	}
	const char *difference = cfg_difference(job->arena, job->domain, &job->links, &described);
	if (difference)
		job_fail(job, OUTCOME_TERMINAL, "xl would create another domain than the manifest describes",
			"%s", difference);
	else
		job_done(job, NULL);
}

void check_begin(struct job *job)
{
	job->file = arena_format(job->arena, "%s/cfg/.%s.check", job->xen->run_dir, job->uuid);
	if (write_cfg(job, job->file))
		job_run(job, job_xl(job, "-N", "create", "-q", job->file), CHECK_LIMIT, check_ended);
}

void configure_begin(struct job *job)
{
	if (write_cfg(job, job->cfg))
		job_done(job, NULL);
}

static bool write_mark(struct job *job)
{
	if (!job->mark || store_set_mark(job->xen->store, job->xen->owner, job->uuid, job->mark))
		return true;
	job_fail(job, OUTCOME_TRANSIENT, NULL, "the mark of %s could not be written into xenstore: %s",
		job->uuid, strerror(errno));
	return false;
}

void record_begin(struct job *job)
{
	if (write_mark(job))
		job_done(job, NULL);
}

static void judge_trouble(struct job *job)
{
	const struct run_result *result = job_result(job);
	job->trouble = xl_failure(job->arena, job->argv, result);
	/* xl only says that QEMU did not start; QEMU says why */
	const char *words =
		strstr(result->errors, "device model") ? qemu_words(job->arena, job->name, "") : NULL;
	if (words)
		job->trouble = arena_format(job->arena, "%s | QEMU: %s", job->trouble, words);
	job->hint = xl_hint(result);
	job->trouble_outcome = job->hint ? OUTCOME_TERMINAL : OUTCOME_TRANSIENT;
}

/* The exit status says little: a guest that is there and runs was created. */
static void create_judge(struct job *job)
{
	const struct listed *listed;
	if (!job_listed(job, &listed))
		return;
	if (listed && (listed->power == found_power_Running || listed->power == found_power_Stopped)) {
		job_done(job, job->trouble);
		return;
	}
	if (listed && listed->power == found_power_Paused)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "it was left half-built as domain %lld: %s",
			(long long)listed->domid, job->trouble ? job->trouble : "xl create did not start it");
	else if (job->trouble)
		job_fail(job, job->trouble_outcome, job->hint, "%s", job->trouble);
	else
		job_fail(job, OUTCOME_TRANSIENT,
			arena_format(
				job->arena, "see /var/log/xen/xl-%s.log", job->name ? job->name : job->uuid),
			"it was created, and is gone already");
}

static void create_ended(struct job *job)
{
	if (!job_succeeded(job))
		judge_trouble(job);
	job_look(job, create_judge);
}

/* An xl that another run of ours began still makes this guest; or its monitor is there, which restarts it
 * just now or is about to end. */
static void create_await(struct job *job, const struct xl_process *other)
{
	if (!job->since)
		job->since = runner_now();
	if (runner_now() - job->since < (other->monitor ? MONITOR_LIMIT : CREATE_LIMIT))
		job_sleep(job, 300, create_begin);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL, "%s (process %lld) lives, but the domain does not",
			other->monitor ? "xl's monitor of it" : "an xl that creates it",
			(long long)other->pid);
}

static void create_examine(struct job *job)
{
	const struct listed *listed, *named;
	struct list processes = {0};
	if (!job_listed(job, &listed))
		return;
	named = job->name ? xl_list_named(&job->xen->listing.domains, job->name) : NULL;
	xl_processes(job->arena, &processes);
	const struct xl_process *other = xl_of(&processes, job->cfg);
	if (listed && job->since && listed->power == found_power_Running)
		job_done(job, "an xl that was at it before has made it meanwhile");
	else if (listed && !(other && (job->since || !other->monitor)))
		job_fail(job, OUTCOME_TRANSIENT, NULL,
			"a domain with its UUID is there already: domain %lld, %s", (long long)listed->domid,
			choice_found_power[listed->power]);
	else if (named && !listed)
		job_fail(job, OUTCOME_TERMINAL, "rename one of them", "domain %lld (%s) has the name %s",
			(long long)named->domid, named->uuid, job->name);
	else if (other)
		create_await(job, other);
	else if (write_mark(job))
		job_run(job,
			job_xl(job, "create", job->xen->monitors ? job->cfg : "-e",
				job->xen->monitors ? NULL : job->cfg, NULL),
			CREATE_LIMIT, create_ended);
}

/* Xen does not care for a second domain with the same UUID, and for a second name only by chance: we do. */
void create_begin(struct job *job)
{
	job_look(job, create_examine);
}
