/* watch: which moment to load again. inotify on all that decides what a load of some PATHs reads: folders of
 * manifests, and every link and folder on the way to them. It only ever says "something may have changed";
 * what did, the load finds. It is a hint and not the truth: file systems of a network tell nothing, so
 * whoever waits for it also loads from time to time.
 *
 * One per process: libinotifytools has one queue, in globals. In a loop:
 *
 *     source_watch_new
 *     for (;;) {
 *             source_watch_renew        the order matters: first watch, then read
 *             want_load_kept
 *             poll descriptor, until source_watch_drain says true (and a little longer: a change seldom
 *                                       comes alone), or until the slow poll is due
 *     }
 */
#pragma once
#include "base/text.h"
#include <stdbool.h>
#include <stddef.h>

struct source_watch;
/* Of PATHs as want_load takes them; they are copied, and made absolute by the current folder. Nothing is
 * watched before the first renew. */
struct source_watch *source_watch_new(const char *const *paths, size_t count);
void source_watch_free(struct source_watch *); /* NULL is allowed */
static inline void source_watch_drop(struct source_watch **watch)
{
	source_watch_free(*watch);
}
#define SOURCE_WATCH_SCOPED __attribute__((cleanup(source_watch_drop))) struct source_watch *

/* Files beyond the PATHs that a load reads, too (const char *, absolute): watched from the next renew on,
 * instead of those that were given before. True if they are others. */
bool source_watch_also(struct source_watch *, const struct list *paths) __attribute__((warn_unused_result));

/* Watches what the tree is now. From its return on, every change is an event: a load that begins after it
 * misses nothing. True if what is watched is not what was watched before (so at the first time), or
 * something may have slipped through meanwhile: load again. Cheap where nothing changed: it looks at folders
 * and links, and opens no file. */
bool source_watch_renew(struct source_watch *) __attribute__((warn_unused_result));

/* To poll for input; changes with source_watch_renew, closed on exec. -1: nothing is watched, see
 * source_watch_why. */
int source_watch_descriptor(const struct source_watch *);

/* Takes in all that happened and never blocks. True: something that may matter changed, or events were lost
 * because too many came at once: renew and load. False: names that no load reads. */
bool source_watch_drain(struct source_watch *) __attribute__((warn_unused_result));

/* Why not all is watched, in words for a warning (a limit of the host, with its name): only the slow poll
 * sees such changes. NULL where all is well. Each renew tries anew. Valid until the next renew. */
const char *source_watch_why(const struct source_watch *);
