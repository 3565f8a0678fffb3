/* snapshot: one observation of the host, as JSON: what a plan elsewhere can be made against. */
#include "face/session.h"
#include "face/snapshot_json.h"

enum exit_code command_snapshot(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	enum exit_code code = session_open(&session, false);
	struct json json = json_to_file(stdout, true);

	if (code == EXIT_DONE && !session_observe(&session))
		code = EXIT_ERROR;
	if (code != EXIT_DONE)
		return code;
	snapshot_json(&json, session.have, true);
	json_end(&json);
	return EXIT_DONE;
}
