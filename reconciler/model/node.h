/* Nodes: a document as a tree, from YAML events or from JSON, and the one decoder that turns it into typed
 * objects by the tables. Manifests are decoded strictly; observations and records leniently (unknown keys
 * pass). */
#pragma once
#include "model/schema.h"

enum node_kind {
	NODE_SCALAR,
	NODE_SEQUENCE,
	NODE_MAPPING,
	NODE_NULL /* JSON null; a plain empty scalar, ~ or null */
};
struct node {
	enum node_kind kind;
	bool quoted; /* scalar: never read as a number or boolean */
	struct mark mark;
	const char *line; /* where its line begins in the text of the file; NULL: from JSON */
	const char *text; /* scalar, NUL-terminated */
	size_t size;
	struct node **item; /* sequence: values; mapping: key, value, key, value ... */
	uint32_t count;     /* values, or keys and values together */
};

struct decode_options {
	bool strict; /* manifests: unknown keys, OBSERVED fields and loose scalars are errors with marks */
	const char *object;      /* for diagnostics, or NULL */
	const struct mark *mark; /* not strict: what at[] is set to (&mark_observed) */
	struct recent *recent; /* where one arena takes many objects: texts that repeat are shared; or NULL */
};
/* In a manifest: the field stands there, but its value was wrong (a diagnostic says how). Only want/ sees it.
 */
extern const struct mark mark_broken;
/* NULL if the node is no object of the type at all; otherwise the object with all that could be decoded, and
 * a diagnostic for the rest. REQUIRED is not judged here (profiles may still give the field). Marks of values
 * are copied into the arena. */
void *decode(struct arena *, const struct type *, const struct node *, const struct decode_options *,
	struct report *);
/* JSON text to nodes (cJSON underneath); NULL with a diagnostic where it does not parse or is not UTF-8.
 * `*rest` is set to what follows the value, or to where it breaks, where not NULL; otherwise anything that
 * follows is an error.
 */
struct node *node_from_json(
	struct arena *, const char *text, size_t size, const char **rest, struct report *);
/* The same without copies of the texts: they stay where cJSON put them, and *owner (NULL on failure) holds
 * that; the tree must not be used after node_owner_drop. For trees that are read once and thrown away. */
struct cJSON;
struct node *node_borrow_json(struct arena *, const char *text, size_t size, const char **rest,
	struct cJSON **owner, struct report *);
void node_owner_drop(struct cJSON **owner);
#define NODE_OWNER_SCOPED __attribute__((cleanup(node_owner_drop))) struct cJSON *
