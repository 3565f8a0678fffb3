/* Lists of physical cpus as xl takes them: 2-5,^4,7. */
#pragma once
#include "base/arena.h"
#include <stdbool.h>

/* The same set in one spelling: ascending, neighbours joined (2-3,5,7); "all" stays. NULL where the text
 * names no cpu at all, or a range that runs backwards. */
const char *cpus_canonical(struct arena *, const char *text);
