/* What `gc` lists. */
#pragma once
#include "decide/plan.h"
#include <stdio.h>

/* The names of images (const char *) of which a digest is kept though no manifest names them: a line, and the
 * member "digests". */
void gc_text_digests(FILE *, const struct list *names);
void gc_json_digests(struct json *, const struct list *names);
/* A table of garbage (struct garbage), then a line that counts. Texts are made in the arena. */
void gc_text(FILE *, struct arena *, const struct list *garbage);
/* The member "volumes" (docs/cli.md, gc); null where garbage is NULL: it is not known. */
void gc_json(struct json *, const struct list *garbage);
