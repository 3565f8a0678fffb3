/* The steps of one layer, carried out as storage/step.c does, without a volume around it. */
#pragma once
#include "base/run.h"
#include "scratch.h"
#include "storage/layer.h"

enum { STEP_TRIES = 5 };

static inline bool step_try(struct layer_job *job, const struct layer_step *step, struct run_result *ran)
{
	job->error = job->hint = NULL;
	job->argv = NULL;
	job->ran = NULL;
	job->stage = 0;
	job->kept = NULL;
	job->tries++;
	bool good = step->begin(job);
	const bool programs = job->argv != NULL;
	while (good && job->argv) {
		struct child *child;
		struct runner *runner = runner_new();
		child = runner_start(runner, job->argv, job->environment, 60000);
		while (!child_ended(child))
			runner_wait(runner, runner_now() + 1000);
		*ran = *child_result(child);
		ran->output = arena_copy(job->arena, ran->output ? ran->output : "", ran->output_size);
		ran->errors = arena_text(job->arena, ran->errors ? ran->errors : "");
		runner_free(runner);
		job->ran = ran;
		if (!ran->started || ran->signaled || ran->status != 0)
			return false;
		job->argv = NULL;
		good = !step->end || step->end(job);
		job->ran = NULL;
	}
	if (good && !programs && step->end)
		good = step->end(job);
	return good;
}

/* Success; or false with job->error, as the volume's action would say it. */
static inline bool step_run(struct layer_job *job, const struct layer_step *step)
{
	struct run_result ran = {0};
	job->tries = 0;
	while (!step_try(job, step, &ran)) {
		if (job->error)
			return false;
		if (step->again && job->tries < STEP_TRIES && step->again(job, ran.errors))
			continue;
		if (step->failed)
			step->failed(job);
		if (!job->error)
			layer_fail(job, false, NULL, "%s", run_failure(job->arena, job->argv, &ran));
		return false;
	}
	return true;
}

static inline void step_done(struct layer_job *job, const struct layer_step *step)
{
	cr_assert(step_run(job, step), "%s", job->error);
}

static inline void step_fails(
	struct layer_job *job, const struct layer_step *step, bool terminal, const char *words)
{
	cr_assert_not(step_run(job, step), "it did not fail with '%s'", words);
	cr_expect(strstr(job->error, words), "'%s' does not say '%s'", job->error, words);
	cr_expect_eq(job->terminal, terminal, "%s", job->error);
}
