/* version: which program this is, and which manifests and outputs it speaks. */
#include "face/command.h"

/* both change together */
const char version_text[] = "0.1.0", version_date[] = "2026-11-20";

enum exit_code command_version(struct invocation *invocation)
{
	if (invocation->options.output == OUTPUT_JSON) {
		struct json json = json_to_file(stdout, true);

		json_open_object(&json, NULL);
		json_text(&json, "version", version_text);
		json_text(&json, "apiVersion", "xensteer/v1");
		json_int(&json, "formatVersion", 1);
		json_close(&json, '}');
		json_end(&json);
	} else {
		printf("xensteer %s (xensteer/v1)\n", version_text);
	}
	return EXIT_DONE;
}
