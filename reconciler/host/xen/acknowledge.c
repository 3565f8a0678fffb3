/* config.acknowledge: the guest's word about its config drive. It is watched, and looked at again when an
 * event came, the guest may have ended, or its time has passed. The time is kept in xenstore, so that a run
 * that was killed is gone on with and not begun anew.
 *
 *   seen                           then
 *   done                           done
 *   error:TEXT, anything else      failure: ConfigFailed
 *   nothing, and time is left      wait
 *   nothing, and none is left      failure: ConfigTimeout
 *   an answer before the drive     failure: ConfigEarly (told when the drive is to be attached) */
#include "host/xen/answer.h"
#include "host/xen/job.h"
#include "host/xen/listener.h"
#include "model/quantity.h"
#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	PACE = 200,        /* ms between two looks, however often a guest writes */
	DEAF_PACE = 2000,  /* ms, where xenstore cannot be watched */
	LOOK_LIMIT = 60000 /* ms after which it is looked at though nothing was heard */
};

static bool is_scene(const struct job *job)
{
	return job->config->spec->format == config_format_scene;
}

/* The time of this domain begins, if it has not. */
static bool ask(struct job *job, int64_t *asked)
{
	struct xen_host *xen = job->xen;
	*asked = answer_asked(xen->store, xen->owner, job->uuid, job->domid);
	if (*asked >= 0)
		return true;
	*asked = (int64_t)time(NULL);
	if (answer_ask(xen->store, xen->owner, job->uuid, job->domid, *asked))
		return true;
	job_fail(job, OUTCOME_TRANSIENT, NULL, "xenstore: %s", strerror(errno));
	return false;
}

bool acknowledge_prepare(struct job *job)
{
	struct xen_host *xen = job->xen;
	int64_t asked = answer_asked(xen->store, xen->owner, job->uuid, job->domid);
	if (asked < 0 &&
		answer_read(xen->store, job->arena, job->domid, is_scene(job)).answer != config_answer_none) {
		job_fail(job, OUTCOME_TRANSIENT, "look at what the guest runs at its start",
			"ConfigEarly: the guest answered before its config drive was attached");
		return false;
	}
	return ask(job, &asked);
}

static void acknowledge_look(struct job *job);

static void acknowledge_heard(struct job *job)
{
	/* once more in a listing: the guest may have ended */
	job_sleep(job, PACE, acknowledge_begin);
}

static void acknowledge_wait(struct job *job, int64_t left_ms)
{
	if (!job->listening)
		job->deaf = !listener_join(job->xen->listener, job->domid);
	if (!job->listening) {
		/* what was said between the look and the watch */
		job->listening = true;
		job->listening_to = job->domid;
		job_sleep(job, 0, acknowledge_look);
		return;
	}
	const int64_t pace = job->deaf ? DEAF_PACE : LOOK_LIMIT;
	job_listen(job, left_ms < pace ? left_ms : pace, acknowledge_heard);
}

static void acknowledge_look(struct job *job)
{
	struct xen_host *xen = job->xen;
	char text[32];
	int64_t asked;
	if (!ask(job, &asked))
		return;
	if (is_scene(job) && !answer_invite(xen->store, job->domid)) {
		job_fail(
			job, OUTCOME_TRANSIENT, NULL, "iso_attach could not be written: %s", strerror(errno));
		return;
	}
	const struct answer answer = answer_read(xen->store, job->arena, job->domid, is_scene(job));
	const int64_t left = asked + job->number - (int64_t)time(NULL);
	if (answer.answer == config_answer_done)
		job_done(job, NULL);
	else if (answer.answer == config_answer_error)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "ConfigFailed: the guest answered error: '%s'",
			answer.words);
	else if (answer.answer == config_answer_unclear)
		job_fail(job, OUTCOME_TRANSIENT, NULL,
			"ConfigFailed: the guest answered neither done nor error:TEXT but '%s'",
			answer.words);
	else if (left > 0)
		acknowledge_wait(job, left * 1000);
	else
		job_fail(job, OUTCOME_TRANSIENT, "its console may say why",
			"ConfigTimeout: the guest has said nothing in %s", duration_text(job->number, text));
}

static void acknowledge_listed(struct job *job)
{
	if (job_alive(job))
		acknowledge_look(job);
}

void acknowledge_begin(struct job *job)
{
	job_look(job, acknowledge_listed);
}
