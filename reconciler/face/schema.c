/* schema: the manifests' language, as JSON Schema or as a page for people. Both come from the field tables
 * alone. */
#include "face/command.h"
#include "face/schema_print.h"

enum exit_code command_schema(struct invocation *invocation)
{
	struct json json = json_to_file(stdout, true);

	if (invocation->options.output == OUTPUT_MARKDOWN)
		reference_markdown(stdout);
	else
		schema_json(&json);
	return EXIT_DONE;
}
