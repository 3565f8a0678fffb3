/* A status.json goes in, if the process that wrote it still holds the lock; what stood in it goes out, in the
 * types of act/status.h. A file that cannot be understood is as good as none: then this process observes
 * itself. */
#include "face/status_daemon.h"
#include "base/file.h"
#include "model/have.h"
#include "state/lock.h"
#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_LIMIT = 64 << 20 };

static void json_drop(cJSON **json)
{
	cJSON_Delete(*json);
}
#define CJSON_SCOPED __attribute__((cleanup(json_drop))) cJSON *

static const cJSON *member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *text_of(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(member(object, key));

	return text ? text : "";
}

/* Are these the PATHs that it keeps? */
static bool keeps_paths(const struct session *session, const cJSON *daemon)
{
	const cJSON *paths = member(daemon, "paths");
	const struct options *options = session->options;

	if (!options->operand_count)
		return true;
	if (cJSON_GetArraySize(paths) != (int)options->operand_count)
		return false;
	for (size_t i = 0; i < options->operand_count; i++) {
		const char *path = cJSON_GetStringValue(cJSON_GetArrayItem(paths, (int)i));

		if (!text_equal(path, file_absolute(session->arena, options->operands[i])))
			return false;
	}
	return true;
}

static int place_of(const char *const *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

static struct object_status *object_read(struct arena *arena, const cJSON *object)
{
	struct object_status *status = arena_make(arena, struct object_status);
	const cJSON *domid = member(object, "domid"), *found;

	status->object = arena_text(arena, text_of(object, "object"));
	for (int kind = 0; kind < CONDITIONS; kind++)
		status->conditions[kind] = (struct condition){TRUTH_UNKNOWN, "NotTold", ""};
	cJSON_ArrayForEach(found, member(object, "conditions"))
	{
		const int kind = place_of(condition_name, CONDITIONS, text_of(found, "type"));
		const int truth = place_of(truth_name, TRUTH_UNKNOWN + 1, text_of(found, "status"));

		if (kind >= 0 && truth >= 0)
			status->conditions[kind] = (struct condition){.status = (enum truth)truth,
				.reason = arena_text(arena, text_of(found, "reason")),
				.message = arena_text(arena, text_of(found, "message"))};
	}
	if (cJSON_IsNumber(domid) && domid->valuedouble >= 0 && domid->valuedouble < 0x1p32) {
		struct HaveDomain *have = arena_make(arena, struct HaveDomain);

		KNOW(have, HaveDomain, domid, (int64_t)domid->valuedouble);
		status->have = have;
	}
	return status;
}

static const struct told *read_all(const struct session *session, const char *text, cJSON *root)
{
	struct told *told = arena_make(session->arena, struct told);
	cJSON *objects = cJSON_GetObjectItemCaseSensitive(root, "objects");
	const char *only = session->options->only;

	told->complete = cJSON_IsTrue(member(member(root, "source"), "ready"));
	for (int i = 0; i < cJSON_GetArraySize(objects);) {
		const cJSON *object = cJSON_GetArrayItem(objects, i);

		if (only && strcmp(text_of(object, "object"), only) != 0) {
			cJSON_DeleteItemFromArray(objects, i);
			continue;
		}
		list_add(session->arena, &told->all, object_read(session->arena, object));
		i++;
	}
	if (!only) {
		told->json = arena_text(session->arena, text);
		return told;
	}
	char *chosen = cJSON_Print(root);
	told->json = arena_text(session->arena, chosen);
	free(chosen);
	return told->json ? told : NULL;
}

const struct told *status_of_daemon(const struct session *session)
{
	struct arena *arena = session->arena;
	const pid_t holder = lock_holder(arena_format(arena, "%s/lock", session->run_dir));
	size_t size = 0;
	const char *text =
		holder ? file_read(arena, arena_format(arena, "%s/status.json", session->state_dir),
				 STATUS_LIMIT, &size)
		       : NULL;
	CJSON_SCOPED root = text ? cJSON_ParseWithLength(text, size) : NULL;
	const cJSON *daemon = member(root, "daemon"), *pid = member(daemon, "pid");

	if (!cJSON_IsNumber(pid) || pid->valuedouble != (double)holder || !keeps_paths(session, daemon))
		return NULL;
	return read_all(session, text, root);
}
