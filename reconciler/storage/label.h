/* The label of a volume: FOLDER/volume.json, written before anything is made, removed after everything is
 * gone. */
#pragma once
#include "model/have.h"

enum label_state {
	LABEL_READ,
	LABEL_ABSENT, /* the folder is there (or not), the label is not */
	LABEL_BROKEN, /* something is there that cannot be read; *why says what */
};
/* `uid` is what the folder's name says: a label that says otherwise is broken. The label lies in the arena.
 */
enum label_state label_read(
	struct arena *, const char *folder, const char *uid, struct Label **label, const char **why);
/* false with errno set. Writes nothing where the same text stands there already. */
bool label_write(const char *folder, const struct Label *) __attribute__((warn_unused_result));
