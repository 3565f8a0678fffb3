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

bool work_step_end(struct work *work)
{
	struct layer_job *job = &work->job;
	job->argv = NULL;
	if (work->step->end && !work->step->end(job)) {
		work_step_abandon(work);
		return work_fail_job(work, job);
	}
	work->argv = job->argv;
	work->environment = job->environment;
	return work->argv || complete(work);
}

bool work_step_begin(struct work *work)
{
	struct layer_job *job = &work->job;
	job->argv = NULL;
	job->tries++;
	if (!work->step->begin(job)) {
		work_step_abandon(work);
		return work_fail_job(work, job);
	}
	work->argv = job->argv;
	work->environment = job->environment;
	return work->argv || work_step_end(work);
}

bool work_step_again(struct work *work, const char *errors)
{
	struct layer_job *job = &work->job;
	if (!work->step || !work->step->again || job->tries >= TRIES || !work->step->again(job, errors))
		return false;
	work_step_abandon(work);
	return work_step_begin(work) && work->argv;
}

void work_step_abandon(struct work *work)
{
	artefact_abandon(&work->job);
	let_go(&work->job);
}
