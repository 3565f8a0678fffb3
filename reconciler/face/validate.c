/* validate: load and check, nothing more. It needs no host: what other objects a manifest names may stand
 * elsewhere, so references to nothing are warnings. The diagnostics are the result, so they go to standard
 * output. */
#include "face/log.h"
#include "face/session.h"
#include <inttypes.h>

static void summary(const struct session *session)
{
	uint32_t files = 0;

	for (uint32_t i = 0; i < session->want->roots.count; i++)
		files += ((const struct source_root *)session->want->roots.item[i])->files;
	log_line(session->options, LOG_INFO, "%" PRIu32 " object%s in %" PRIu32 " file%s: %s",
		session->want->objects.count, session->want->objects.count == 1 ? "" : "s", files,
		files == 1 ? "" : "s", session->broken ? "invalid" : "valid");
}

/* Good manifests of which nothing will come: better said before than by plan on the host. */
static void warn_of_refused(struct session *session)
{
	for (uint32_t i = 0; i < session->want->objects.count; i++) {
		const struct object *object = session->want->objects.item[i];

		if (object->refused)
			report_warn(session->report, object->refused_at, object->text, NULL,
				"%s is not yet supported: plan refuses this object", object->refused);
	}
}

enum exit_code command_validate(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	struct json json = json_to_file(stdout, true);
	bool settled = session_settings(&session);

	if (settled) {
		session_load(&session, invocation->options.operands, invocation->options.operand_count);
		warn_of_refused(&session);
	}
	if (invocation->options.output == OUTPUT_JSON) {
		report_json(session.report, &json);
		json_end(&json);
	} else if (invocation->options.output == OUTPUT_GITHUB) {
		report_github(session.report, stdout);
	} else {
		report_text(session.report, stdout, log_color(session.options, stdout));
	}
	invocation->reported = true;
	if (settled)
		summary(&session);
	return settled && !session.broken ? EXIT_DONE : EXIT_ERROR;
}
