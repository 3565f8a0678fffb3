/* Records: what the world cannot keep, one small JSON file per owned domain in STATE/domains/UUID.json,
 * written before create and removed after destroy, fsynced. Deletions of the last hour in
 * STATE/deletions.json. */
#pragma once
#include "base/report.h"
#include "model/have.h"

/* All records of the state folder into `out` (struct record_entry). false if the folder exists but cannot be
 * read: then ownership is unknown. A record that does not parse is skipped with a warning: losing records
 * fails safe. */
struct record_entry {
	char uuid[37];
	struct Record *record;
};
bool record_list(struct arena *, const char *state_dir, struct list *out, struct report *)
	__attribute__((warn_unused_result));
/* false with errno set (EINVAL: `uuid` is none). Removing an absent one is success. */
bool record_write(const char *state_dir, const char *uuid, const struct Record *)
	__attribute__((warn_unused_result));
bool record_remove(const char *state_dir, const char *uuid) __attribute__((warn_unused_result));
/* A Record as JSON text on one line (also the mark in xenstore), and back; NULL if it is none: not JSON, any
 * error in it, or without owner, kind or name. */
char *record_text(struct arena *, const struct Record *);
struct Record *record_parse(struct arena *, const char *text);

/* Removals that were begun in the last hour: their number, and in the arena the uids of those that have not
 * ended. `now` is seconds since the epoch. A journal that cannot be read counts as DELETIONS_UNKNOWN, more
 * than any cap allows, and cannot be written (errno EBADMSG) until it is an hour old. Adding one that has not
 * ended changes nothing: a removal that is tried again is still one. */
enum { DELETIONS_UNKNOWN = 1000000 };
int deletion_count(const char *state_dir, int64_t now, struct arena *, struct texts *uids);
bool deletion_add(const char *state_dir, const char *uid, int64_t now) __attribute__((warn_unused_result));
bool deletion_end(const char *state_dir, const char *uid, int64_t now) __attribute__((warn_unused_result));
