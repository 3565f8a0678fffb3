/* What `gc` lists. */
#pragma once
#include "decide/plan.h"
#include <stdio.h>

/* A table of garbage (struct garbage), then a line that counts. Texts are made in the arena. */
void gc_text(FILE *, struct arena *, const struct list *garbage);
/* The member "volumes" (docs/cli.md, gc); null where garbage is NULL: it is not known. */
void gc_json(struct json *, const struct list *garbage);
