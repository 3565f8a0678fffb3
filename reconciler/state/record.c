/* Records: one JSON file per owned domain, STATE/domains/UUID.json. What arrives may be what a crash or a
 * hand left there; what leaves is a Record that was whole, or nothing. A record with any error in it is none:
 * half of one might have lost the word "protect", while a lost one only makes its domain unmanaged. */
#include "state/record.h"
#include "base/file.h"
#include "model/format.h"
#include "model/node.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>

enum { RECORD_LIMIT = 1 << 20, UUID_LENGTH = 36 };
static const char suffix[] = ".json";

static void folder_drop(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static char *record_path(struct arena *arena, const char *state_dir, const char *uuid)
{
	if (!format_uuid.is(uuid)) {
		errno = EINVAL;
		return NULL;
	}
	return arena_format(arena, "%s/domains/%s%s", state_dir, uuid, suffix);
}

/* "UUID.json" into uuid; false for every other name, leftovers of an interrupted write (".NAME.tmp") among
 * them. */
static bool record_named(const char *name, char uuid[UUID_LENGTH + 1])
{
	if (strlen(name) != UUID_LENGTH + sizeof(suffix) - 1 || !text_equal(name + UUID_LENGTH, suffix))
		return false;
	memcpy(uuid, name, UUID_LENGTH);
	uuid[UUID_LENGTH] = '\0';
	return format_uuid.is(uuid);
}

char *record_text(struct arena *arena, const struct Record *record)
{
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, false);
	object_json(&json, NULL, &type_Record, record);
	return arena_text(arena, buffer_string(&text));
}

static struct Record *record_decode(struct arena *arena, const char *text, size_t size, struct report *report)
{
	struct node *node = node_from_json(arena, text, size, NULL, report);
	if (!node)
		return NULL;
	struct decode_options options = {.object = "Record", .mark = &mark_observed};
	struct Record *record = decode(arena, &type_Record, node, &options, report);
	if (!record || report_count(report, SEVERITY_ERROR))
		return NULL;
	if (!KNOWN(record, Record, owner) || !KNOWN(record, Record, kind) || !KNOWN(record, Record, name)) {
		report_error(report, NULL, NULL, NULL, "owner, kind or name is missing");
		return NULL;
	}
	return record;
}

struct Record *record_parse(struct arena *arena, const char *text)
{
	REPORT_SCOPED report = report_new();
	return record_decode(arena, text, strlen(text), report);
}

/* Adds the record of one file to `out`, or a warning that says why it is passed over. */
static void record_load(
	struct arena *arena, const char *path, const char *uuid, struct list *out, struct report *report)
{
	static const char hint[] = "its domain counts as unmanaged until the record is mended or removed";
	REPORT_SCOPED found = report_new();
	size_t size;
	char *text = file_read(arena, path, RECORD_LIMIT, &size);
	if (!text) {
		if (errno != ENOENT) /* removed meanwhile: no record */
			report_warn(report, NULL, NULL, hint, "record %s cannot be read: %s", path,
				strerror(errno));
		return;
	}
	struct Record *record = record_decode(arena, text, size, found);
	if (!record) {
		const struct diagnostic *first;
		const char *why = report_all(found, &first) ? first->message : "it is no record";
		report_warn(report, NULL, NULL, hint, "record %s is passed over: %s", path, why);
		return;
	}
	struct record_entry *entry = arena_make(arena, struct record_entry);
	memcpy(entry->uuid, uuid, sizeof(entry->uuid));
	entry->record = record;
	list_add(arena, out, entry);
}

bool record_list(struct arena *arena, const char *state_dir, struct list *out, struct report *report)
{
	const char *path = arena_format(arena, "%s/domains", state_dir);
	__attribute__((cleanup(folder_drop))) DIR *folder = opendir(path);
	if (!folder)
		return errno == ENOENT;
	for (;;) {
		char uuid[UUID_LENGTH + 1];
		errno = 0;
		const struct dirent *entry = readdir(folder);
		if (!entry)
			return errno == 0;
		if (record_named(entry->d_name, uuid))
			record_load(
				arena, arena_format(arena, "%s/%s", path, entry->d_name), uuid, out, report);
	}
}

bool record_write(const char *state_dir, const char *uuid, const struct Record *record)
{
	ARENA_SCOPED arena = arena_new();
	const char *path = record_path(arena, state_dir, uuid);
	if (!path || !file_folders(arena_format(arena, "%s/domains", state_dir), 0700))
		return false;
	const char *text = arena_format(arena, "%s\n", record_text(arena, record));
	return file_write(path, text, strlen(text), 0600);
}

bool record_remove(const char *state_dir, const char *uuid)
{
	ARENA_SCOPED arena = arena_new();
	const char *path = record_path(arena, state_dir, uuid);
	return path && file_remove(path);
}
