/* volume.record: the label of a volume that is there learns what is wanted of it as a whole (reclaim,
 * protection, name, source). Its chain stays as it is recorded. */
#include "base/file.h"
#include "storage/artefact.h"
#include "storage/label.h"
#include "storage/work.h"
#include <errno.h>
#include <string.h>

static bool begin(struct work *work, const struct action *action)
{
	if (!volume_is_uid(action->uid))
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s is no uid of a volume",
			action->uid ? action->uid : "nothing");
	work->folder = volume_folder(work->arena, work->real, action->uid);
	FD_SCOPED folder = folder_open(work->folder);
	if (folder < 0)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s: %s", work->folder, strerror(errno));
	struct Label *have;
	const char *why = "it is gone";
	if (label_read(work->arena, work->folder, action->uid, &have, &why) != LABEL_READ)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s/volume.json: %s", work->folder, why);
	if (!text_equal(have->owner, work->real->owner))
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "%s belongs to owner %s", work->folder, have->owner);
	struct Label *label = object_copy(work->arena, &type_Label, action->label);
	label->chain = have->chain;
	label->at[Label_chain] = have->at[Label_chain];
	label->config = have->config;
	label->at[Label_config] = have->at[Label_config];
	label->configFailed = have->configFailed;
	label->at[Label_configFailed] = have->at[Label_configFailed];
	return label_write(work->folder, label) ||
	       work_fail_errno(work, errno, arena_format(work->arena, "%s/volume.json", work->folder));
}

const struct work_verb work_record = {.verb = verb_volume_record, .begin = begin};
