/* What the two halves of the decoder share: where it stands, and how it speaks. Nobody outside includes this.
 */
#pragma once
#include "model/node.h"

/* Where the decoder stands, from the root of the document down; for messages only. */
struct place {
	const struct place *up;
	const char *key;  /* NULL at the root */
	const char *item; /* within a list: its key, or NULL */
};

struct decoder {
	struct arena *arena;
	const struct decode_options *options;
	struct report *report;
	const struct type *root;
};

/* Is a manifest being read? */
static inline bool is_strict(const struct decoder *decoder)
{
	return decoder->options->strict;
}

/* "PLACE: MESSAGE" at the node. Returns false. */
bool decode_wrong(struct decoder *, const struct place *, const struct node *, const char *hint,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* "spec.disks[xvda].volume" into the buffer. */
void decode_place(const struct place *, struct buffer *);
/* What stands there, as the end of "found ...". */
const char *decode_found(struct decoder *, const struct node *);
/* "expected X, found Y" of a field. Returns false. */
bool decode_unexpected(
	struct decoder *, const struct place *, const struct field *, const struct node *, const char *hint);
/* The mark that a field or a pair gets: the node's own in a manifest. */
const struct mark *decode_mark(struct decoder *, const struct node *);
/* Everything but objects and lists of objects. *out has the C type of the field's shape. */
bool decode_value(
	struct decoder *, const struct place *, const struct field *, const struct node *, void *out);
