/* plan: observe, load, plan, print; nothing is changed, no lock is needed. The exit code says what the plan
 * holds (docs/cli.md); the strongest reason wins. */
#include "face/log.h"
#include "face/plan_print.h"
#include "face/session.h"
#include <inttypes.h>

/* Is a change of one of these levels wanted, allowed or not? */
static bool wants_level(const struct plan *plan, uint32_t levels)
{
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];

		if (levels & 1u << change->blast)
			return true;
		for (uint32_t k = 0; k < change->difference_count; k++) {
			if (levels & 1u << change->differences[k].effect)
				return true;
		}
		for (uint32_t k = 0; k < change->actions.count; k++) {
			if (levels & 1u << ((const struct action *)change->actions.item[k])->blast)
				return true;
		}
	}
	return false;
}

static void print_plan(const struct options *options, const struct plan_view *view)
{
	struct json json = json_to_file(stdout, true);

	switch (options->output) {
	case OUTPUT_JSON:
		plan_json(&json, NULL, view);
		json_end(&json);
		break;
	case OUTPUT_MARKDOWN:
		plan_markdown(stdout, view);
		break;
	case OUTPUT_GITHUB:
		plan_text(stdout, view);
		report_github(view->report, stdout);
		break;
	default:
		plan_text(stdout, view);
		break;
	}
}

/* What the plan's reader has to know besides the changes. */
void plan_notes(const struct options *options, const struct plan *plan)
{
	if (plan->prune_reason)
		log_line(options, LOG_WARNING, "nothing is removed: %s", plan->prune_reason);
	if (plan->needs_consent)
		log_line(options, LOG_INFO, "to allow it: xensteer %s --consent %s",
			options->delete || options->retained_count ? "gc" : "apply", plan->digest);
	if (plan->summary.elsewhere)
		log_line(options, LOG_INFO, "%" PRIu32 " object%s for another host", plan->summary.elsewhere,
			plan->summary.elsewhere == 1 ? " is" : "s are");
	for (uint32_t i = 0; i < plan->unmanaged.count; i++)
		log_line(options, LOG_DEBUG, "unmanaged: %s", (const char *)plan->unmanaged.item[i]);
	if (plan->unmanaged.count)
		log_line(options, LOG_INFO, "%" PRIu32 " unmanaged domain%s left alone",
			plan->unmanaged.count, plan->unmanaged.count == 1 ? " is" : "s are");
}

static enum exit_code plan_exit(const struct session *session, const struct plan *plan)
{
	const struct options *options = session->options;

	if (!session->have->known || report_count(session->report, SEVERITY_ERROR))
		return EXIT_ERROR;
	if (wants_level(plan, options->fail_on))
		return EXIT_LEVEL;
	return options->detailed_exitcode && !plan_empty(plan) ? EXIT_CHANGES : EXIT_DONE;
}

enum exit_code command_plan(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	struct options *options = &invocation->options;
	struct plan_options plan_options;
	enum exit_code code = session_check_prune(&session);
	struct plan *plan;

	if (code == EXIT_DONE)
		code = session_open(&session, false);
	if (code != EXIT_DONE)
		return code;
	session_load(&session, options->operands, options->operand_count);
	if (!session_check_only(&session))
		return EXIT_ERROR;
	session_observe(&session);
	plan_options = session_plan_options(&session);
	plan = plan_make(session.want, session.have, &plan_options, session.report);
	print_plan(options, &(struct plan_view){
				    .plan = plan,
				    .want = session.want,
				    .have = session.have,
				    .report = session.report,
				    .color = options->output == OUTPUT_TEXT && log_color(options, stdout),
			    });
	command_flush(invocation);
	invocation->reported = options->output == OUTPUT_GITHUB;
	plan_notes(options, plan);
	code = plan_exit(&session, plan);
	plan_free(plan);
	return code;
}
