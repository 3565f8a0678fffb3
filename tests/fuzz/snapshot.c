/* Any bytes as a snapshot: reading ends with an Observation or with diagnostics; what was read can be
 * written, and what was written is read again. */
#include "model/observation.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static struct Observation *read_text(
	struct arena *arena, const char *text, size_t size, struct report *report)
{
	const struct text_file file = {
		.name = "host.json", .text = arena_copy(arena, text, size), .size = size};
	const struct observation_options options = {.wrong_value = SEVERITY_WARNING};
	return observation_read(arena, &file, &options, report);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	const struct Observation *found = read_text(arena, (const char *)bytes, size, report);
	if (!found)
		return 0;
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, true);
	object_json(&json, NULL, &type_Observation, found);
	REPORT_SCOPED again = report_new();
	if (!read_text(arena, buffer_string(&text), text.size, again))
		abort();
	return 0;
}
