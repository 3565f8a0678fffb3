/* Removals of the last hour: STATE/deletions.json, an array of the tables' Deletion. One that is tried again
 * is still one. What cannot be read counts as many, so that a damaged journal asks for consent instead of
 * opening the cap; a damaged one that nobody has written for an hour can say nothing of the last hour, and
 * counts as empty. */
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

static bool entries_parse(struct arena *arena, const struct node *node, int64_t now, struct list *recent)
{
	if (!node || node->kind != NODE_SEQUENCE)
		return false;
	REPORT_SCOPED report = report_new();
	const struct decode_options options = {.mark = &mark_observed};
	for (uint32_t i = 0; i < node->count; i++) {
		struct Deletion *entry = decode(arena, &type_Deletion, node->item[i], &options, report);
		if (!entry || !entry->at[Deletion_uid] || !entry->at[Deletion_time])
			return false;
		if (is_recent(entry->time, now))
			list_add(arena, recent, entry);
	}
	return true;
}

/* The recent entries (struct Deletion) of the journal; an absent one has none. false: it cannot be read,
 * errno set.
 */
static bool deletions_read(struct arena *arena, const char *path, int64_t now, struct list *recent)
{
	size_t size;
	char *text = file_read(arena, path, JOURNAL_LIMIT, &size);
	if (!text)
		return errno == ENOENT;
	REPORT_SCOPED report = report_new();
	if (entries_parse(arena, node_from_json(arena, text, size, NULL, report), now, recent))
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

int deletion_count(const char *state_dir, int64_t now, struct arena *arena, struct texts *uids)
{
	struct list recent = {0};
	*uids = (struct texts){0};
	if (!deletions_read(arena, journal_path(arena, state_dir), now, &recent))
		return DELETIONS_UNKNOWN;
	uids->item = arena_array(arena, const char *, recent.count);
	for (uint32_t i = 0; i < recent.count; i++) {
		const struct Deletion *entry = recent.item[i];
		if (!entry->done)
			uids->item[uids->count++] = entry->uid;
	}
	return (int)recent.count;
}

/* The entry of a removal that has not ended. */
static struct Deletion *entry_find(const struct list *recent, const char *uid)
{
	for (uint32_t i = 0; i < recent->count; i++) {
		struct Deletion *entry = recent->item[i];
		if (!entry->done && strcmp(entry->uid, uid) == 0)
			return entry;
	}
	return NULL;
}

static bool deletions_write(const char *path, const struct list *recent)
{
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, true);
	json_open_array(&json, NULL);
	for (uint32_t i = 0; i < recent->count; i++)
		object_json(&json, NULL, &type_Deletion, recent->item[i]);
	json_close(&json, ']');
	json_end(&json);
	return file_write(path, text.text, text.size, 0600);
}

bool deletion_add(const char *state_dir, const char *uid, int64_t now)
{
	ARENA_SCOPED arena = arena_new();
	const char *path = journal_path(arena, state_dir);
	struct list recent = {0};
	if (!deletions_read(arena, path, now, &recent) || !file_folders(state_dir, 0700))
		return false;
	if (entry_find(&recent, uid))
		return true;
	struct Deletion *entry = type_new(arena, &type_Deletion);
	KNOW(entry, Deletion, uid, uid);
	KNOW(entry, Deletion, time, now);
	list_add(arena, &recent, entry);
	return deletions_write(path, &recent);
}

bool deletion_end(const char *state_dir, const char *uid, int64_t now)
{
	ARENA_SCOPED arena = arena_new();
	const char *path = journal_path(arena, state_dir);
	struct list recent = {0};
	if (!deletions_read(arena, path, now, &recent))
		return false;
	struct Deletion *entry = entry_find(&recent, uid);
	if (!entry)
		return true;
	KNOW(entry, Deletion, done, true);
	return deletions_write(path, &recent);
}
