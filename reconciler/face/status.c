/* status: the conditions of every object, as the daemon of this host knows them, or else from one
 * observation. Nothing is planned that an option would allow: this is what the manifests alone ask for. */
#include "face/log.h"
#include "face/session.h"
#include "face/status_daemon.h"
#include "face/status_print.h"
#include <string.h>

/* Only the object that --only names. */
static struct list chosen(struct arena *arena, const struct list *all, const char *only)
{
	struct list found = {0};

	for (uint32_t i = 0; i < all->count; i++) {
		const struct object_status *status = all->item[i];

		if (!only || strcmp(status->object, only) == 0)
			list_add(arena, &found, all->item[i]);
	}
	return found;
}

static enum exit_code print_status(const struct session *session, const struct plan *plan)
{
	const struct options *options = session->options;
	struct list all = status_of(session->arena, session->want, session->have, plan);
	struct list shown = chosen(session->arena, &all, options->only);
	struct json json = json_to_file(stdout, true);

	if (options->only && !shown.count)
		return session_no_object(session, options->only);
	if (options->output == OUTPUT_JSON)
		status_json(&json, &(struct status_view){.want = session->want, .all = &shown});
	else
		status_text(stdout, &shown, log_color(options, stdout));
	if (session->broken || !session->have->known)
		return EXIT_ERROR;
	return options->check && !status_ready(&shown) ? EXIT_NOT_READY : EXIT_DONE;
}

static enum exit_code print_told(const struct session *session, const struct told *told)
{
	const struct options *options = session->options;

	if (options->only && !told->all.count) {
		report_error(
			session->report, NULL, options->only, NULL, "the daemon knows of no such object");
		return EXIT_ERROR;
	}
	if (options->output == OUTPUT_JSON)
		printf("%s%s", told->json, text_ends(told->json, "\n") ? "" : "\n");
	else
		status_text(stdout, &told->all, log_color(options, stdout));
	if (!told->complete)
		report_warn(session->report, NULL, NULL, "`xensteer validate` says which",
			"the daemon's manifests have errors");
	return options->check && !status_ready(&told->all) ? EXIT_NOT_READY : EXIT_DONE;
}

enum exit_code command_status(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	struct options *options = &invocation->options;
	enum exit_code code = session_open(&session, false);
	struct plan_options everything = {.prune = true};
	const struct told *told;
	struct plan *plan;

	if (code != EXIT_DONE)
		return code;
	told = status_of_daemon(&session);
	if (told)
		return print_told(&session, told);
	session_load(&session, options->operands, options->operand_count);
	session_observe(&session);
	everything.prune = session_plan_options(&session).prune;
	plan = plan_make(session.want, session.have, &everything, session.report);
	code = print_status(&session, plan);
	plan_free(plan);
	return code;
}
