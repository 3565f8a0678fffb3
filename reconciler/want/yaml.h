/* YAML: the text of one file to trees of nodes, one per document. Bounded: nesting, the size of a text, and
 * how far aliases may expand. Everything that is refused is said with its place. */
#pragma once
#include "model/node.h"

enum {
	YAML_FILE_LIMIT = 16 << 20,        /* bytes of a file */
	YAML_NESTING = 64,                 /* levels, aliases expanded */
	YAML_TEXT_LIMIT = 1 << 20,         /* bytes of one scalar */
	YAML_DOCUMENT_EXPANSION = 1 << 20, /* bytes that the aliases of a document may stand for */
	YAML_FILE_EXPANSION = 64 << 20,    /* the same, of all documents of a file */
};

struct yaml;
/* The file's text must stay where it is until yaml_close, and as long as the report. */
struct yaml *yaml_open(const struct text_file *, struct report *);
void yaml_close(struct yaml *);
static inline void yaml_drop(struct yaml **yaml)
{
	yaml_close(*yaml);
}
#define YAML_SCOPED __attribute__((cleanup(yaml_drop))) struct yaml *

/* The next document's root, in the arena; one without content is NODE_NULL. NULL at the end, and after an
 * error that nothing can be read behind. Aliased nodes are shared: the same pointer stands in several places.
 */
struct node *yaml_next(struct yaml *, struct arena *);
/* Was anything refused so far? */
bool yaml_broken(const struct yaml *);
