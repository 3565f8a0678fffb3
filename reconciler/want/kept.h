/* kept: the last good form of every object, from one load of the same PATHs to the next. A file that is half
 * written, or broken by its author, must not change what the host is: its objects stay in WANT as they were
 * when a load last had them without an error (docs/hacking.md, rule 4). */
#pragma once
#include "want/load.h"

struct kept;
struct kept *kept_new(void);
void kept_free(struct kept *); /* NULL is allowed; no WANT points into it */
static inline void kept_drop(struct kept **kept)
{
	kept_free(*kept);
}
#define KEPT_SCOPED __attribute__((cleanup(kept_drop))) struct kept *

/* As want_load. Beyond that, an object that was good in an earlier load stands in its last good form,
 * object->kept set and its marks in the text of then, if now it has an error (of its own, or against others),
 * or if it is not there while the file that it was in is broken, or gone from a source that is not whole. It
 * is gone when its file is good without it, or a whole source is. Where a kept form and one of today exclude
 * each other (a MAC, a uid, a volume that one writes), the later one stands and the other is broken.
 *
 * The report says what is wrong today, as want_load would; the roots stay broken and want->complete false, so
 * nothing is pruned. What is good now is remembered in `kept`, instead of what it held before: it grows with
 * the files alone, never with the number of loads. */
struct want *want_load_kept(const struct load_options *, struct kept *, struct report *);

/* Bytes that it holds. */
size_t kept_size(const struct kept *);
