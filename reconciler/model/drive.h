/* Config drives: what they are called. A drive is named by a keyed hash of what is on it, so that its name
 * tells equal from different and nothing else: a plain hash of a weak password could be guessed from. */
#pragma once
#include "model/want.h"

enum { DRIVE_KEY_SIZE = 32, DRIVE_CONTENT_SIZE = 17 };

/* HMAC-SHA256 of all that makes a drive what it is - whose it is, its format, where the guest sees it, its
 * files - under this host's key: the first 16 hexadecimal digits. */
void drive_content(const uint8_t key[DRIVE_KEY_SIZE], const char *domain_uid, const struct wanted_config *,
	char out[DRIVE_CONTENT_SIZE]);
/* "UID-CONTENT.iso" */
char *drive_name(struct arena *, const char *domain_uid, const char *content);
/* Reads that from the end of a path; false: it is no drive's. uid may be NULL. */
bool drive_parse(const char *path, char uid[UID_SIZE], char content[DRIVE_CONTENT_SIZE])
	__attribute__((warn_unused_result));
/* The disk of a guest that is a config drive of its own, with its content; NULL: it has none. */
const struct Disk *drive_attached(const struct HaveDomain *, char content[DRIVE_CONTENT_SIZE]);
/* Is this disk a config drive of that domain? */
bool drive_is(const struct Disk *, const char *domain_uid);
