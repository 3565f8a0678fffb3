/* Digests of images, cached in STATE/images/NAME.json together with the state of the file that they were
 * computed for. A cache that does not fit the file is as good as none. */
#pragma once
#include "storage/identity.h"

/* The sha256 of image `name`, if it was computed for a file with this very identity; NULL otherwise. */
const char *digest_cached(struct arena *, const char *state_dir, const char *name, const struct identity *);
/* false with errno set. Makes the folder. */
bool digest_store(const char *state_dir, const char *name, const struct identity *, const char *sha256)
	__attribute__((warn_unused_result));
/* The images of which there is a digest, by name (const char *), in the arena; false with errno set. */
bool digest_list(struct arena *, const char *state_dir, struct list *names)
	__attribute__((warn_unused_result));
/* Absent is success; false with errno set. */
bool digest_remove(const char *state_dir, const char *name) __attribute__((warn_unused_result));
/* The digest out of the first line of sha256sum's output into out[65]; false if there is none. */
bool digest_parse(const char *output, char out[65]);
