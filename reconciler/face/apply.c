/* apply: makes the host be what the manifests say, once, and says how that ended. While it runs, progress
 * goes to standard error; the result on standard output is what was done and what is left, as text or as
 * JSON.
 *
 * A first SIGINT, SIGTERM or SIGHUP begins nothing more and lets running actions finish: whatever is half
 * done then, the next pass finds and finishes. */
#include "face/apply.h"
#include "act/converge.h"
#include "face/log.h"
#include "face/plan_print.h"
#include "face/progress.h"
#include "face/stop.h"
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 5 };

/* What the passes leave behind for the result: plans die with their pass. */
struct outcome_view {
	struct session *session;
	bool collects; /* for gc */
	struct progress_view progress;
	struct arena *arena;
	struct list done;   /* const char *: the text of each action that was done, in order */
	struct buffer last; /* the last plan, in the form that is asked for */
};

static void told(void *context, const struct progress *progress)
{
	struct outcome_view *view = context;

	if (progress->kind == PROGRESS_DONE)
		list_add(view->arena, &view->done, arena_text(view->arena, progress->action->text));
	progress_tell(&view->progress, progress);
}

/* The plan as it stands inside the result: an object one level deep. */
static void keep_json(struct buffer *out, const struct plan_view *plan)
{
	struct json json = json_to_buffer(out, true);

	json.depth = 1;
	json.keyed = true;
	plan_json(&json, NULL, plan);
}

static void keep_text(struct buffer *out, const struct plan_view *plan)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return;
	plan_text_changes(stream, plan);
	fclose(stream);
	buffer_bytes(out, text, size);
	free(text);
}

static void planned(void *context, const struct plan *plan, const struct have *have, int pass, bool final)
{
	struct outcome_view *view = context;
	const struct options *options = view->session->options;
	struct plan_view shown = {
		.plan = plan,
		.want = view->session->want,
		.have = have,
		.report = view->session->report,
		.color = options->output == OUTPUT_TEXT && log_color(options, stdout),
	};

	if (!final) {
		log_line(options, LOG_DEBUG, "pass %d: %" PRIu32 " actions", pass, plan->actions.count);
		return;
	}
	if (options->output == OUTPUT_JSON)
		keep_json(&view->last, &shown);
	else
		keep_text(&view->last, &shown);
	progress_end(&view->progress);
	plan_notes(options, plan);
}

/* The word of the result: what did not get there is `partly` where anything was done. */
static const char *end_name(const struct convergence *end)
{
	switch (end->end) {
	case CONVERGED:
		return "converged";
	case CONVERGED_STAGED:
		return "staged";
	case CONVERGE_BLOCKED:
		return "blocked";
	default:
		return end->done ? "partly" : "failed";
	}
}

static void result_json(const struct outcome_view *view, const struct convergence *end)
{
	struct json json = json_to_file(stdout, true);

	json_open_object(&json, NULL);
	json_int(&json, "formatVersion", 1);
	json_text(&json, "result", end_name(end));
	json_int(&json, "passes", end->passes);
	json_int(&json, "done", end->done);
	json_int(&json, "failed", end->failed);
	if (view->last.size)
		json_raw(&json, "plan", buffer_string(&view->last));
	else
		json_null(&json, "plan");
	json_key(&json, "diagnostics");
	report_json(view->session->report, &json);
	json_close(&json, '}');
	json_end(&json);
}

static const char *end_words(const struct outcome_view *view, const struct convergence *end)
{
	switch (end->end) {
	case CONVERGED:
		return view->collects ? "all that was asked for is gone" : "the host is as wanted";
	case CONVERGED_STAGED:
		return "changes wait for a restart through xensteer (apply --allow restart)";
	case CONVERGE_BLOCKED:
		return "blocked by limits or by what is allowed";
	default:
		break;
	}
	if (end->stopped)
		return "stopped by a signal";
	if (end->timed_out)
		return "out of time (--timeout)";
	if (view->session->broken)
		return end->done ? "partly done, as the manifests have errors" : "the manifests have errors";
	return end->done ? "partly done" : "failed";
}

/* What was done is listed only where progress has not shown it already. */
static void result_text(const struct outcome_view *view, const struct convergence *end)
{
	bool listed = view->session->options->quiet && view->done.count;

	for (uint32_t i = 0; listed && i < view->done.count; i++)
		printf("  %s\n", (const char *)view->done.item[i]);
	if (view->last.size)
		printf("%sLeft:\n%s", listed ? "\n" : "", buffer_string(&view->last));
	printf("%s%s: %" PRIu32 " done, %" PRIu32 " failed, %d pass%s; %s.\n",
		listed || view->last.size ? "\n" : "", view->collects ? "Collected" : "Applied", end->done,
		end->failed, end->passes, end->passes == 1 ? "" : "es", end_words(view, end));
}

/* Strongest first: 1, 4, 5, 0. */
static enum exit_code apply_exit(const struct session *session, const struct convergence *end)
{
	if (end->end == CONVERGE_FAILED)
		return end->done ? EXIT_PARTLY : EXIT_ERROR;
	if (end->end == CONVERGE_BLOCKED)
		return EXIT_BLOCKED;
	return end->end == CONVERGED_STAGED && session->options->fail_pending ? EXIT_BLOCKED : EXIT_DONE;
}

enum exit_code apply_plan(struct session *session, const struct plan_options *plan)
{
	struct outcome_view view = {
		.session = session,
		.collects = plan->collect != NULL,
		.progress = progress_view(session->options, session->arena),
		.arena = session->arena,
	};
	struct executor executor = {
		.host = session->host,
		.storage = session->storage,
		.state_dir = session->state_dir,
		.parallelism = (uint32_t)session->settings->parallelism,
		.stop = stop_catch(false),
		.told = told,
		.context = &view,
	};
	struct converge_options options = {
		.plan = *plan,
		.timeout_ms = session->options->timeout * 1000,
		.seed = (uint64_t)time(NULL) ^ (uint64_t)getpid(),
		.tries = TRIES,
		.planned = planned,
	};
	struct observer observer = session_observer(session);
	struct convergence end;

	end = converge(&executor, &observer, session->want, &options, session->report);
	progress_end(&view.progress);
	/* broken manifests are an error whatever became of the rest */
	if (session->broken)
		end.end = CONVERGE_FAILED;
	if (session->options->output == OUTPUT_JSON)
		result_json(&view, &end);
	else
		result_text(&view, &end);
	command_flush(session->invocation);
	session->invocation->changed = end.done != 0;
	buffer_free(&view.last);
	return apply_exit(session, &end);
}

/* A program that reads the result as JSON is told so in JSON, too. */
enum exit_code apply_refuse(struct session *session, enum exit_code code)
{
	const struct outcome_view view = {.session = session};
	const struct convergence nothing = {.end = CONVERGE_FAILED};

	if (code != EXIT_USAGE && session->options->output == OUTPUT_JSON)
		result_json(&view, &nothing);
	return code;
}

enum exit_code command_apply(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	struct options *options = &invocation->options;
	enum exit_code code = session_check_prune(&session);
	struct plan_options plan;

	if (code == EXIT_DONE && options->allow >= level_recreate && !options->only && !options->consent)
		code = command_refuse(invocation, "--allow %s needs --only or --consent beside it",
			choice_level[options->allow]);
	if (code == EXIT_DONE)
		code = session_open(&session, true);
	if (code != EXIT_DONE)
		return apply_refuse(&session, code);
	session_load(&session, options->operands, options->operand_count);
	if (!session_check_only(&session))
		return apply_refuse(&session, EXIT_ERROR);
	plan = session_plan_options(&session);
	return apply_plan(&session, &plan);
}
