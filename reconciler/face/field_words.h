/* What the table says of a field, in words for people: pieces that the reference page and the manual share.
 * Code is in `backticks`. */
#pragma once
#include "model/schema.h"

/* "text", "list of text", ...; "" for what is a map of its own, "list of " for a list of such; the words of a
 * choice. */
void field_shape_words(struct buffer *, const struct field *);
/* "4MiB to 16TiB"; nothing where it has no bounds. */
void field_bounds_words(struct buffer *, const struct field *);
/* "`1`"; nothing where it has no default, or an empty one. */
void field_default_words(struct buffer *, const struct field *);
/* What a change of it does: a level, or what that depends on. */
const char *field_effect_words(const struct field *);
/* "not yet supported", "not yet changed on a guest that runs", "not yet supported: `Paused`"; nothing where
 * all is. */
void field_later_words(struct buffer *, const struct field *);
