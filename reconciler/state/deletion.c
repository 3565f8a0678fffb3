/* Deletions of the last hour: STATE/deletions.json, an array of seconds since the epoch. What cannot be read
 * counts as many, so that a damaged journal asks for consent instead of opening the cap; a damaged one that
 * nobody has written for an hour can say nothing of the last hour, and counts as empty. */
#include "base/file.h"
#include "base/json.h"
#include "model/node.h"
#include "state/record.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HOUR = 3600, JOURNAL_LIMIT = 4 << 20 };

/* A time of the last hour. One further ahead than an hour comes from a clock that was wrong, and would hold
 * back for as long as it was wrong by. */
static bool is_recent(int64_t time, int64_t now)
{
	return time > now - HOUR && time < now + HOUR;
}

static bool is_stale(const char *path, int64_t now)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_mtime <= now - HOUR;
}

static bool times_parse(struct arena *arena, const struct node *node, int64_t now, struct list *recent)
{
	if (!node || node->kind != NODE_SEQUENCE)
		return false;
	for (uint32_t i = 0; i < node->count; i++) {
		const struct node *item = node->item[i];
		if (item->kind != NODE_SCALAR || item->quoted)
			return false;
		char *end;
		int64_t *time = arena_make(arena, int64_t);
		errno = 0;
		*time = strtoll(item->text, &end, 10);
		if (errno || end == item->text || *end)
			return false;
		if (is_recent(*time, now))
			list_add(arena, recent, time);
	}
	return true;
}

/* The recent entries (int64_t) of the journal; an absent one has none. false: it cannot be read, errno set.
 */
static bool deletions_read(struct arena *arena, const char *path, int64_t now, struct list *recent)
{
	size_t size;
	char *text = file_read(arena, path, JOURNAL_LIMIT, &size);
	if (!text)
		return errno == ENOENT;
	REPORT_SCOPED report = report_new();
	if (times_parse(arena, node_from_json(arena, text, size, NULL, report), now, recent))
		return true;
	recent->count = 0;
	if (is_stale(path, now))
		return true;
	errno = EBADMSG;
	return false;
}

static char *journal_path(struct arena *arena, const char *state_dir)
{
	return arena_format(arena, "%s/deletions.json", state_dir);
}

int deletion_count(const char *state_dir, int64_t now)
{
	ARENA_SCOPED arena = arena_new();
	struct list recent = {0};
	if (!deletions_read(arena, journal_path(arena, state_dir), now, &recent))
		return DELETIONS_UNKNOWN;
	return (int)recent.count;
}

bool deletion_add(const char *state_dir, int64_t now)
{
	ARENA_SCOPED arena = arena_new();
	const char *path = journal_path(arena, state_dir);
	struct list recent = {0};
	if (!deletions_read(arena, path, now, &recent) || !file_folders(state_dir, 0700))
		return false;
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, false);
	json_open_array(&json, NULL);
	for (uint32_t i = 0; i < recent.count; i++)
		json_int(&json, NULL, *(int64_t *)recent.item[i]);
	json_int(&json, NULL, now);
	json_close(&json, ']');
	json_end(&json);
	return file_write(path, text.text, text.size, 0600);
}
