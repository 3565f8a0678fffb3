/* In come the executor's events, out go lines for whoever watches:
 *
 *     domain.create  web-1 ... done 1.2s
 *     disk.attach    db-1 ... failed 0.3s: xl block-attach: exit 1: ...
 *     nic.attach     db-1 ... held: what it needs failed
 *
 * On a terminal, the running actions stand below, a line each, redrawn after each event. */
#include "face/progress.h"
#include "face/log.h"
#include "face/wording.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { VERB_WIDTH = 16 };

struct progress_view progress_view(const struct options *options, struct arena *arena)
{
	return (struct progress_view){
		.options = options,
		.live = isatty(STDERR_FILENO) && options->log_format == LOG_TEXT && !options->quiet,
		.color = log_color(options, stderr),
		.arena = arena,
	};
}

/* The cursor stands behind the last live line, and goes back to where the first one begins. */
static void erase(struct progress_view *view)
{
	for (; view->drawn > 1; view->drawn--)
		fputs("\r\033[K\033[A", stderr);
	if (view->drawn)
		fputs("\r\033[K", stderr);
	view->drawn = 0;
}

static void draw(struct progress_view *view)
{
	for (uint32_t i = 0; view->live && i < view->running.count && i < PROGRESS_LINES; i++) {
		const struct action *action = view->running.item[i];

		fprintf(stderr, "%s  %-*s %s ...", i ? "\n" : "", VERB_WIDTH, verb_table[action->verb].verb,
			wording_name(action->object));
		if (i + 1 == PROGRESS_LINES && view->running.count > PROGRESS_LINES)
			fprintf(stderr, " and %" PRIu32 " more", view->running.count - PROGRESS_LINES);
		view->drawn++;
	}
	fflush(stderr);
}

static void forget(struct list *running, const struct action *action)
{
	for (uint32_t i = 0; i < running->count; i++) {
		if (running->item[i] != action)
			continue;
		list_remove(running, i);
		return;
	}
}

static const char *ending(enum progress_kind kind)
{
	switch (kind) {
	case PROGRESS_DONE:
		return "done";
	case PROGRESS_FAILED:
		return "failed";
	case PROGRESS_HELD:
		return "held";
	default:
		return "begun";
	}
}

static void tell_json(const struct progress *progress)
{
	struct json json = log_json_begin(progress->kind == PROGRESS_FAILED ? LOG_ERROR : LOG_INFO);

	json_text(&json, "event", ending(progress->kind));
	json_text(&json, "verb", verb_table[progress->action->verb].verb);
	json_text(&json, "object", progress->action->object);
	json_text(&json, "text", progress->action->text);
	if (progress->kind == PROGRESS_DONE || progress->kind == PROGRESS_FAILED)
		json_int(&json, "milliseconds", progress->milliseconds);
	if (progress->kind == PROGRESS_FAILED && progress->result)
		json_text(&json, "message", progress->result->message);
	log_json_end(&json);
}

static void tell_text(const struct progress_view *view, const struct progress *progress)
{
	bool failed = progress->kind != PROGRESS_DONE;
	const char *color = failed ? "\033[31m" : "\033[32m";

	log_stamp(view->options);
	fprintf(stderr, "%s%-*s %s ... %s%s%s", view->options->stamped ? "" : "  ", VERB_WIDTH,
		verb_table[progress->action->verb].verb, wording_name(progress->action->object),
		view->color ? color : "", ending(progress->kind), view->color ? "\033[0m" : "");
	if (progress->kind == PROGRESS_HELD)
		fputs(": what it needs failed", stderr);
	else
		fprintf(stderr, " %" PRId64 ".%" PRId64 "s", progress->milliseconds / 1000,
			progress->milliseconds / 100 % 10);
	if (progress->kind == PROGRESS_FAILED && progress->result && progress->result->message) {
		BUFFER_SCOPED message = {0};

		buffer_escaped(&message, progress->result->message, strlen(progress->result->message), 1000);
		fprintf(stderr, ": %s", buffer_string(&message));
	}
	fputc('\n', stderr);
}

void progress_tell(void *context, const struct progress *progress)
{
	struct progress_view *view = context;
	bool begins = progress->kind == PROGRESS_BEGIN;

	if (begins)
		list_add(view->arena, &view->running, (void *)progress->action);
	else
		forget(&view->running, progress->action);
	if (!log_wants(view->options, progress->kind == PROGRESS_FAILED ? LOG_ERROR : LOG_INFO))
		return;
	if (view->options->log_format == LOG_JSON) {
		tell_json(progress);
		return;
	}
	erase(view);
	if (!begins)
		tell_text(view, progress);
	draw(view);
}

void progress_end(struct progress_view *view)
{
	erase(view);
	fflush(stderr);
}
