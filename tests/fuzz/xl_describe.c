/* Any bytes as the output of `xl list -l`: what is understood can be written as an observation would be; the
 * rest is said. */
#include "host/xen/xl_describe.h"
#include "base/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	ARENA_SCOPED arena = arena_new();
	const char *error = NULL, *text = arena_copy(arena, (const char *)bytes, size);
	struct list found = {0};
	if (xl_describe_list(arena, text, size, &found, &error) == (error != NULL))
		abort();
	for (uint32_t i = 0; !error && i < found.count; i++) {
		const struct described *described = found.item[i];
		BUFFER_SCOPED out = {0};
		struct json json = json_to_buffer(&out, true);
		object_json(&json, NULL, &type_DomainSpec, described->spec);
		json_end(&json);
	}
	return 0;
}
