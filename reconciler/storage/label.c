/* volume.json: a Label in JSON, for people as well as for the next observation. What arrives may be damaged:
 * a label with any error in it is broken as a whole, because acting by half of one could delete what it no
 * longer names. */
#include "storage/label.h"
#include "base/file.h"
#include "model/node.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { LABEL_LIMIT = 1 << 20 };

static enum label_state broken(const char **why, const char *text)
{
	*why = text;
	return LABEL_BROKEN;
}

static bool is_whole(const struct Label *label)
{
	if (!KNOWN(label, Label, owner) || !KNOWN(label, Label, kind) || !KNOWN(label, Label, name) ||
		!KNOWN(label, Label, uid) || !KNOWN(label, Label, chain) || !label->chain.count)
		return false;
	for (uint32_t i = 0; i < label->chain.count; i++)
		if (!KNOWN((struct LayerFound *)label->chain.item[i], LayerFound, layer))
			return false;
	return true;
}

enum label_state label_read(
	struct arena *arena, const char *folder, const char *uid, struct Label **label, const char **why)
{
	struct stat status;
	size_t size;
	const char *path = arena_format(arena, "%s/volume.json", folder);
	if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
		return broken(why, "its label is a symlink");
	char *text = file_read(arena, path, LABEL_LIMIT, &size);
	if (!text && errno == ENOENT)
		return LABEL_ABSENT;
	if (!text)
		return broken(why, arena_format(arena, "its label cannot be read: %s", strerror(errno)));

	REPORT_SCOPED report = report_new();
	struct node *node = node_from_json(arena, text, size, NULL, report);
	struct decode_options options = {.object = "Label", .mark = &mark_observed};
	*label = node ? decode(arena, &type_Label, node, &options, report) : NULL;
	const struct diagnostic *first;
	if (report_count(report, SEVERITY_ERROR) && report_all(report, &first))
		return broken(why, arena_format(arena, "its label is damaged: %s", first->message));
	if (!*label || !is_whole(*label))
		return broken(why, "its label is damaged: something is missing in it");
	if (!text_equal((*label)->uid, uid))
		return broken(why, arena_format(arena, "its label is that of volume %s", (*label)->uid));
	return LABEL_READ;
}

bool label_write(const char *folder, const struct Label *label)
{
	ARENA_SCOPED arena = arena_new();
	BUFFER_SCOPED text = {0};
	size_t size;
	const char *path = arena_format(arena, "%s/volume.json", folder);
	struct json json = json_to_buffer(&text, true);
	object_json_settled(&json, NULL, &type_Label, label);
	json_end(&json);
	const char *have = file_read(arena, path, LABEL_LIMIT, &size);
	if (have && size == text.size && memcmp(have, text.text, size) == 0)
		return true;
	return file_write(path, text.text, text.size, 0600);
}
