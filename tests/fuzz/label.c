/* Any bytes as the label of a volume: it is read whole, or it is broken and says why; one that is read and
 * written is read as the same. */
#include "storage/label.h"
#include "base/file.h"
#include "base/json.h"
#include "fuzz/folder.h"
#include "model/node.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	static const char uid[] = "7d10cef3-b044-5c8f-be8b-d45fde6820f8";
	ARENA_SCOPED arena = arena_new();
	struct Label *label = NULL, *again = NULL;
	const char *why = NULL;
	folder_write("volume.json", bytes, size);
	const enum label_state state = label_read(arena, folder, uid, &label, &why);
	if (state == LABEL_ABSENT || (state == LABEL_BROKEN) != (why != NULL))
		abort();
	if (state == LABEL_BROKEN)
		return 0;
	if (!label_write(folder, label) || label_read(arena, folder, uid, &again, &why) != LABEL_READ ||
		!object_same(&type_Label, label, again))
		abort();
	return 0;
}
