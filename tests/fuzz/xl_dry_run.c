/* Any bytes as what `xl -N create` prints: one guest that can be written, or an error. */
#include "base/json.h"
#include "host/xen/xl_describe.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	ARENA_SCOPED arena = arena_new();
	const char *error = NULL, *text = arena_copy(arena, (const char *)bytes, size);
	struct described one = {0};
	if (xl_describe_dry_run(arena, text, size, &one, &error) == (error != NULL))
		abort();
	if (error)
		return 0;
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, true);
	object_json(&json, NULL, &type_DomainSpec, one.spec);
	json_end(&json);
	return 0;
}
