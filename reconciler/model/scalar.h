/* Plain scalars, as YAML 1.1 would read them: an author who writes `no` or `012` means a text, other readers
 * of the same file see something else, so we ask for quotes instead of choosing. */
#pragma once
#include "model/node.h"

/* What YAML 1.1 reads a plain scalar as, where that is not text: "a number", "true or false", "a date",
 * "nothing", ... NULL for text, and for everything that is quoted. */
const char *scalar_other(const struct node *);
/* A decimal integer without sign tricks: -?(0|[1-9][0-9]*), within 64 bits. *out is untouched otherwise. */
bool scalar_integer(const char *text, int64_t *out);
/* "write true" for yes, on, True ..., "write false" likewise, else NULL. */
const char *scalar_bool_hint(const char *text);
