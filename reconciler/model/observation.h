/* An Observation from its JSON text: a snapshot, or the simulator's host. */
#pragma once
#include "model/node.h"

struct observation_options {
	enum severity wrong_value; /* of a diagnostic about one value: the field is then not known */
	struct node **unknown; /* where not NULL: set to what the tables do not know (model/unknown.h), in the
				  arena */
};
/* Reads the text of a file into the arena, one element of the long lists at a time. NULL, with diagnostics at
 * file:line:col, where it is no JSON or no Observation of xensteer/v1. Diagnostics point into `file`, which
 * must outlive the report if there are any. */
struct Observation *observation_read(
	struct arena *, const struct text_file *file, const struct observation_options *, struct report *);
/* The same of a file. Its text is given back afterwards, or to the report where that points into it. */
struct Observation *observation_load(
	struct arena *, const char *path, const struct observation_options *, struct report *);
