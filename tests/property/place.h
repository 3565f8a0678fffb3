/* Places in the tree of a manifest, and values that stand there. Shared by the walk over the tables and the
 * places that are special. */
#pragma once
#include "base/json.h"
#include "model/schema.h"
#include "tests/property/generate.h"

/* A place in the tree: its random number, which all below follows from. */
struct place {
	const struct recipe *recipe;
	uint64_t number, key; /* `key` follows from the path alone */
};

/* What the special places have to know of the object that they stand in. */
struct scope {
	const struct recipe *recipe;
	const char *kind;
	unsigned index; /* of the object within its kind */
	struct place object;
	enum domain_type type;
	bool has_disks;
};

struct place place_below(struct place, const char *key);
struct place place_at(struct place, const char *key, unsigned index);
/* 0 to count - 1; each key of a place draws anew. */
unsigned draw(struct place, const char *key, unsigned count);
bool is_chance(struct place, const char *key, unsigned one_in);

/* An object's own place; is it there at all, and what is it called (`former`: where it was renamed, before
 * that). */
struct place place_of(const struct recipe *, const char *kind, unsigned index);
bool is_there(const struct recipe *, const char *kind, unsigned index);
bool is_renamed(const struct recipe *, const char *kind, unsigned index);
void name_of(const struct recipe *, const char *kind, unsigned index, bool former, char out[32]);

/* Values by shape. */
const char *text_of(struct place, const struct field *, char out[96]);
/* Below 2 GiB, so that some volumes and guests fit into any host. */
int64_t size_of(struct place, const struct field *);
void size_write(struct json *, const char *key, int64_t bytes);
void value_write(struct json *, const char *key, const struct field *, struct place, struct scope *);
void object_write(struct json *, const char *key, const struct type *, struct place, struct scope *);

/* Special places. The function writes the field or leaves it out. */
struct special {
	const char *type, *key; /* type "": any */
	void (*write)(struct json *, const struct field *, struct place, struct scope *);
};
const struct special *special_of(const struct type *, const struct field *);
enum domain_type type_of(const struct scope *);
