/* The cache of image digests, one small JSON file per image. It saves reading gigabytes on every pass, and
 * holds nothing that cannot be computed again: what is damaged or does not fit is passed over. */
#include "storage/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "model/format.h"
#include "model/node.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>

enum { CACHE_LIMIT = 64 << 10, DIGEST_LENGTH = 64 };

static char *cache_path(struct arena *arena, const char *state_dir, const char *name)
{
	if (!format_name.is(name)) {
		errno = EINVAL;
		return NULL;
	}
	return arena_format(arena, "%s/images/%s.json", state_dir, name);
}

static const char *member(const struct node *node, const char *key)
{
	for (uint32_t i = 0; i + 1 < node->count; i += 2)
		if (text_equal(node->item[i]->text, key) && node->item[i + 1]->kind == NODE_SCALAR)
			return node->item[i + 1]->text;
	return NULL;
}

const char *digest_cached(
	struct arena *arena, const char *state_dir, const char *name, const struct identity *identity)
{
	size_t size;
	const char *path = cache_path(arena, state_dir, name);
	char *text = path ? file_read(arena, path, CACHE_LIMIT, &size) : NULL;
	if (!text)
		return NULL;
	REPORT_SCOPED report = report_new();
	const struct node *node = node_from_json(arena, text, size, NULL, report);
	if (!node || node->kind != NODE_MAPPING)
		return NULL;
	const char *sha256 = member(node, "sha256");
	if (!sha256 || !format_sha256.is(sha256) || !text_equal(member(node, "id"), identity->id) ||
		!text_equal(member(node, "changed"), identity->changed))
		return NULL;
	return sha256;
}

bool digest_store(
	const char *state_dir, const char *name, const struct identity *identity, const char *sha256)
{
	ARENA_SCOPED arena = arena_new();
	const char *path = cache_path(arena, state_dir, name);
	if (!path || !file_folders(arena_format(arena, "%s/images", state_dir), 0700))
		return false;
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, true);
	json_open_object(&json, NULL);
	json_text(&json, "sha256", sha256);
	json_text(&json, "id", identity->id);
	json_text(&json, "changed", identity->changed);
	json_close(&json, '}');
	json_end(&json);
	return file_write(path, text.text, text.size, 0600);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool digest_list(struct arena *arena, const char *state_dir, struct list *names)
{
	static const char ending[] = ".json";
	const char *path = arena_format(arena, "%s/images", state_dir);
	DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT;
	int error = 0;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry) {
			error = errno;
			break;
		}
		const size_t size = strlen(entry->d_name);
		if (!text_ends(entry->d_name, ending))
			continue;
		char *name = arena_copy(arena, entry->d_name, size - strlen(ending));
		if (format_name.is(name))
			list_add(arena, names, name);
	}
	closedir(dir);
	list_sort(names, by_name);
	errno = error;
	return !error;
}

bool digest_remove(const char *state_dir, const char *name)
{
	ARENA_SCOPED arena = arena_new();
	const char *path = cache_path(arena, state_dir, name);
	return path && file_remove(path);
}

bool digest_parse(const char *output, char out[65])
{
	if (strnlen(output, DIGEST_LENGTH + 1) <= DIGEST_LENGTH || output[DIGEST_LENGTH] != ' ')
		return false;
	memcpy(out, output, DIGEST_LENGTH);
	out[DIGEST_LENGTH] = '\0';
	return format_sha256.is(out);
}
