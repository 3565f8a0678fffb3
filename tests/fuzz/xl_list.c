/* Any bytes as the output of `xl list -v`: every line is understood, or it is said which is not. */
#include "host/xen/xl_list.h"
#include "model/format.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	ARENA_SCOPED arena = arena_new();
	const char *error = NULL;
	struct list found = {0};
	if (xl_list_parse(arena, arena_copy(arena, (const char *)bytes, size), &found, &error) ==
		(error != NULL))
		abort();
	for (uint32_t i = 0; !error && i < found.count; i++) {
		const struct listed *listed = found.item[i];
		unsigned same = 0;
		if (listed->domid <= 0 || !xl_list_find(&found, listed->uuid, &same) || !same)
			abort();
	}
	return 0;
}
