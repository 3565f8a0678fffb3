/* Any bytes as the output of xl: the first byte chooses between `list -v`, `list -l` and the dry run. What
 * cannot be understood is said; nothing crashes. */
#include "host/xen/xl_describe.h"
#include "host/xen/xl_list.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	ARENA_SCOPED arena = arena_new();
	if (!size)
		return 0;
	const char *text = arena_copy(arena, (const char *)bytes + 1, size - 1), *error = NULL;
	struct list found = {0};
	struct described one;
	bool read;
	switch (*bytes) {
	case 'v':
		read = xl_list_parse(arena, text, &found, &error);
		break;
	case 'l':
		read = xl_describe_list(arena, text, size - 1, &found, &error);
		break;
	default:
		read = xl_describe_dry_run(arena, text, size - 1, &one, &error);
		break;
	}
	if (!read && !error)
		__builtin_trap();
	return 0;
}
