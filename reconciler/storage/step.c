/* A layer's step, carried out: its programs one after another, another try where that is worth it, and what
 * it made published under its name at the end. */
#include "storage/artefact.h"
#include "storage/work.h"
#include <unistd.h>

enum { TRIES = 10 };

bool work_fail_job(struct work *work, const struct layer_job *job)
{
	return work_fail(
		work, job->terminal ? OUTCOME_TERMINAL : OUTCOME_TRANSIENT, job->hint, "%s", job->error);
}

static void let_go(struct layer_job *job)
{
	if (job->lock >= 0)
		close(job->lock);
	job->lock = -1;
}

/* The step is done, as far as its programs go. */
static bool complete(struct work *work)
{
	struct layer_job *job = &work->job;
	if (job->temporary && !artefact_publish(job)) {
		work_step_abandon(work);
		return work_fail_job(work, job);
	}
	let_go(job);
	work->result.link = layer_link(job);
	return true;
}

/* After `begin`, or after a program (NULL: there was none). */
static bool go_on(struct work *work, const struct run_result *ran)
{
	struct layer_job *job = &work->job;
	job->argv = NULL;
	job->ran = ran;
	if (work->step->end && !work->step->end(job)) {
		work_step_abandon(work);
		return work_fail_job(work, job);
	}
	job->ran = NULL;
	work->argv = job->argv;
	work->environment = job->environment;
	return work->argv || complete(work);
}

bool work_step_end(struct work *work)
{
	return go_on(work, child_result(work->child));
}

bool work_step_begin(struct work *work)
{
	struct layer_job *job = &work->job;
	job->argv = NULL;
	job->stage = job->waits = 0;
	job->kept = NULL;
	job->tries++;
	if (!work->step->begin(job)) {
		work_step_abandon(work);
		return work_fail_job(work, job);
	}
	work->argv = job->argv;
	work->environment = job->environment;
	return work->argv || go_on(work, NULL);
}

bool work_step_again(struct work *work, const struct run_result *ran)
{
	struct layer_job *job = &work->job;
	const struct layer_step *step = work->step;
	if (!step)
		return false;
	job->ran = ran;
	if (step->again && job->tries < TRIES && step->again(job, ran->errors)) {
		work_step_abandon(work);
		return !work_step_begin(work) || work->argv;
	}
	job->error = NULL;
	if (step->failed)
		step->failed(job);
	if (!job->error)
		return false;
	work_step_abandon(work);
	return !work_fail_job(work, job);
}

void work_step_abandon(struct work *work)
{
	artefact_abandon(&work->job);
	let_go(&work->job);
}
