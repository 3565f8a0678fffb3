/* Lists of physical cpus as xl takes them: 2-5,^4,7. */
#pragma once
#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

/* The same set in one spelling: ascending, neighbours joined (2-3,5,7); "all" stays. NULL where the text
 * names no cpu at all, or a range that runs backwards. */
const char *cpus_canonical(struct arena *, const char *text);
/* Do two canonical texts name the same of a host's cpus? What it does not have counts for nothing; `cpus` 0:
 * not known how many it has. */
bool cpus_equal(const char *one, const char *other, int64_t cpus);
/* Does a canonical text name any of them? */
bool cpus_any(const char *text, int64_t cpus);
