/* Any bytes as the journal of removals: it can be counted, or it counts as more than any cap allows and
 * cannot be written; a removal that is added is counted, and one that has ended is not listed any more. */
#include "fuzz/folder.h"
#include "state/record.h"
#include <utime.h>

static const char uid[] = "11111111-2222-4333-8444-555555555555";

static bool lists(const struct texts *uids)
{
	for (uint32_t i = 0; i < uids->count; i++)
		if (strcmp(uids->item[i], uid) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	const int64_t now = 1800000000;
	ARENA_SCOPED arena = arena_new();
	struct texts uids;
	folder_write("deletions.json", bytes, size);
	/* fresh: one that is an hour old says nothing any more, however damaged */
	char path[128];
	snprintf(path, sizeof(path), "%s/deletions.json", folder);
	if (utime(path, &(struct utimbuf){now, now}) != 0)
		abort();
	const int before = deletion_count(folder, now, arena, &uids);
	const bool listed = lists(&uids), added = deletion_add(folder, uid, now);
	if ((before == DELETIONS_UNKNOWN) == added)
		abort();
	if (!added)
		return 0;
	if (deletion_count(folder, now, arena, &uids) != before + !listed || !lists(&uids))
		abort();
	const uint32_t open = uids.count;
	if (!deletion_end(folder, uid, now) ||
		deletion_count(folder, now, arena, &uids) != before + !listed || uids.count != open - 1)
		abort();
	return 0;
}
