/* Any bytes as a record of the state folder or a mark in xenstore: it is one, or it is none; one that is read
 * and written is read as the same. */
#include "state/record.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	ARENA_SCOPED arena = arena_new();
	const char *text = arena_copy(arena, (const char *)bytes, size);
	const struct Record *record = record_parse(arena, text);
	if (!record)
		return 0;
	const char *first = record_text(arena, record);
	const struct Record *again = record_parse(arena, first);
	if (!again || strcmp(first, record_text(arena, again)) != 0)
		__builtin_trap();
	return 0;
}
