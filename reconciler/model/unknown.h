/* Keys that the tables do not know. A program that rewrites a file of a newer writer, or of a person, keeps
 * what it does not understand: it is set aside on reading and put back on writing.
 *
 * What is set aside is a mapping in the shape of the document: an unknown key with its value, and a known key
 * with the mapping of what is unknown below it. Of a list, that mapping has an entry per element, named by
 * the element's key (or place, where its type has none). */
#pragma once
#include "base/json.h"
#include "model/node.h"

/* What is unknown in a node that is read as `type`, copied into the arena; NULL where everything is known. */
struct node *unknown_keys(struct arena *, const struct type *, const struct node *);
/* The entry of a mapping; NULL where there is none, or `mapping` is NULL or no mapping. */
struct node *node_member(const struct node *mapping, const char *key);
/* Adds an entry to a mapping that this module made; `mapping` NULL makes one. Returns the mapping. */
struct node *node_add(struct arena *, struct node *mapping, const char *key, struct node *value);
/* How an element of a list is called in there: the value of its type's key, or its place. */
const char *element_name(struct arena *, const struct type *, const void *object, uint32_t place);

/* object_json, with what was set aside put back behind the known keys of each object. */
void object_json_whole(
	struct json *, const char *key, const struct type *, const void *object, const struct node *unknown);
/* The same without the braces, for an object that has more to say. */
void members_json(struct json *, const struct type *, const void *object, const struct node *unknown);
/* A node as JSON. */
void node_json(struct json *, const char *key, const struct node *);
