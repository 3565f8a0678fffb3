/* Any bytes as a manifest: loading ends, says what is wrong, and never crashes, leaks or reads beside the
 * text. */
#include "want/load.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct load_options options = {.host = host_settings(arena, NULL, report),
		.owner = "default",
		.host_name = "dom0",
		.references_warn = true};
	if (!options.host)
		return 0;
	WANT_SCOPED want = want_load_text(&options, "/fuzz/manifest.yaml", (const char *)bytes, size, report);
	struct buffer text = {0};
	struct json json = json_to_buffer(&text, false);
	report_json(report, &json);
	buffer_free(&text);
	return 0;
}
