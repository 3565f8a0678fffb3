/* schema: the manifests' language, as JSON Schema or as a page for people, in Markdown or for man. All of
 * it comes from the field tables. */
#include "face/command.h"
#include "face/manual.h"
#include "face/schema_print.h"

enum exit_code command_schema(struct invocation *invocation)
{
	struct json json = json_to_file(stdout, true);

	if (invocation->options.output == OUTPUT_MARKDOWN)
		reference_markdown(stdout);
	else if (invocation->options.output == OUTPUT_MAN)
		manual_manifests(stdout);
	else
		schema_json(&json);
	return EXIT_DONE;
}
