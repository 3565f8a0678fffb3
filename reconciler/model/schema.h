/* The tables of schema/ made into C. Each .def file is included several times, with other meanings of its
 * words:
 *
 *   here        enumerators of choices, the index of each field in its type, the structs
 *   schema.c    descriptors: `struct type type_Domain` with its fields, for everything that is driven by data
 *
 * A struct begins with one mark per field: at[T_field] is NULL where the field is not set (in WANT) or not
 * known (in HAVE). One device gives the place in the file, presence, and unknown. In HAVE a known field's
 * mark is &mark_observed; a default or derived value that was filled in after decoding has &mark_derived or
 * the mark of what it came from.
 *
 * C types of the shapes:
 *   Text, Secret  const char *          Int, Size (bytes), Duration (seconds)  int64_t
 *   Bool          bool                  Choice   int, an enumerator of its list
 *   One(T)        struct T *            Many(T)  struct list of struct T *
 *   Texts         struct texts          Map      struct map (values: integer, boolean, text, list of text) */
#pragma once
#include "base/report.h"
#include "base/text.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct mark mark_observed, mark_derived;

enum shape {
	SHAPE_Text,
	SHAPE_Secret,
	SHAPE_Int,
	SHAPE_Bool,
	SHAPE_Size,
	SHAPE_Duration,
	SHAPE_Choice,
	SHAPE_One,
	SHAPE_Many,
	SHAPE_Texts,
	SHAPE_Map,
};

/* What a field is to diff. */
enum role {
	ROLE_COMPARED, /* differences count, with the row's effect */
	ROLE_KEY,      /* identity: never compared */
	ROLE_POLICY,   /* never observed, never compared */
	ROLE_OBSERVED, /* found on the host; refused in a manifest */
};

struct texts {
	const char **item;
	uint32_t count;
};

enum value_kind { VALUE_INT, VALUE_BOOL, VALUE_TEXT, VALUE_TEXTS };
struct value {
	enum value_kind kind;
	int64_t number; /* also 0 and 1 of a boolean */
	const char *text;
	struct texts texts;
};
struct pair {
	const char *key;
	struct value value;
	const struct mark *at;
};
struct map {
	struct pair *item;
	uint32_t count;
};

/* enum level { level_none, ... }, enum power { power_Running, ... }, ... */
#define CHOICES(name) enum name {
#define CHOICE(name, identifier, text) name##_##identifier,
#define CHOICES_END(name)                                                                                    \
	name##_CHOICES                                                                                       \
	}                                                                                                    \
	;
#include "schema/choices.def"
#undef CHOICES
#undef CHOICE
#undef CHOICES_END

/* The index of each field within its type: enum Boot_field { Boot_kernel, ..., Boot_FIELDS } */
#define TYPE(T, ...)                                                                                         \
	enum T##_field                                                                                       \
	{
#define FIELD(T, key, ...) T##_##key,
#define END(T)                                                                                               \
	T##_FIELDS                                                                                           \
	}                                                                                                    \
	;
#include "schema/all.def"
#undef TYPE
#undef FIELD
#undef END

/* The structs. */
#define CTYPE_Text const char *
#define CTYPE_Secret const char *
#define CTYPE_Int int64_t
#define CTYPE_Bool bool
#define CTYPE_Size int64_t
#define CTYPE_Duration int64_t
#define CTYPE_Choice int
#define CTYPE_One(T) struct T *
#define CTYPE_Many(T) struct list
#define CTYPE_Texts struct texts
#define CTYPE_Map struct map
#define TYPE(T, ...)                                                                                         \
	struct T {                                                                                           \
		const struct mark *at[T##_FIELDS];
#define FIELD(T, key, shape, ...) CTYPE_##shape key;
#define END(T)                                                                                               \
	}                                                                                                    \
	;
#include "schema/all.def"
#undef TYPE
#undef FIELD
#undef END

/* enum verb { verb_image_verify, ... } */
enum verb {
	verb_none,
#define ACTION(identifier, ...) verb_##identifier,
#include "schema/action.def"
#undef ACTION
	VERBS
};

struct type;
struct format {
	const char *name, *pattern, *expected;
	bool (*is)(const char *text);
};

/* What the effect of a change may depend on. Members that do not apply are NULL. */
struct circumstances {
	const struct DomainSpec *want, *have;
	const void *want_entry,
		*have_entry;     /* of a list: the disk, the nic; added and removed have one of them */
	enum disk_format format; /* disks: of the volume that is wanted */
	bool device_model;       /* the guest has a QEMU */
};

/* One row. Unset members are zero. */
struct field {
	const char *key;
	enum shape shape;
	enum role role;
	enum level effect;                              /* where `by` is NULL */
	enum level (*by)(const struct circumstances *); /* effect that depends on what is there */
	uint16_t offset;                                /* of the member in the struct */
	const struct type *of;                          /* One, Many */
	const char *const *choices;                     /* Choice; NULL-terminated */
	const struct format *format;                    /* Text, Texts, the keys of Map */
	const char *prose;
	bool required, at_create, has_default;
	bool fleeting; /* it changes by itself: no part of what is kept, or compared whole */
	bool later;    /* its action is not built yet: plan refuses an object that sets it */
	bool once_set; /* compared only where it is set, or was (Record.set): then it goes back to its default
			*/
	int later_from;   /* Choice: words from this one on are not built yet; 0: all are */
	int64_t min, max; /* RANGE, where max > 0 */
	int64_t multiple; /* sizes are rounded up to it */
	int64_t default_number;
	const char *default_text;
	int at_least;         /* Many, Texts */
	const char *with;     /* only beside this sibling */
	const char *excludes; /* never beside this sibling */
	enum verb verb;       /* the action that makes it so on a running guest */
};

struct type {
	const char *name, *prose;
	const struct field *fields;
	int count;
	size_t size;
	const char *shorthand; /* a scalar stands for a map with this key */
	bool one_of;           /* exactly one of the keys that have no `with` */
	const char *key;       /* lists of this type are compared by this member */
};

#define TYPE(T, ...) extern const struct type type_##T;
#define FIELD(...)
#define END(T)
#include "schema/all.def"
#undef TYPE
#undef FIELD
#undef END

#define CHOICES(name) extern const char *const choice_##name[];
#define CHOICE(...)
#define CHOICES_END(name)
#include "schema/choices.def"
#undef CHOICES
#undef CHOICE
#undef CHOICES_END

/* The kinds that a manifest may hold. */
enum kind { KIND_DOMAIN, KIND_VOLUME, KIND_IMAGE, KIND_HOST, KINDS };
extern const char *const kind_name[KINDS + 1];
const struct type *kind_type(enum kind);

/* Where a field's mark and value stand in a struct of its type. */
static inline const struct mark **field_mark(const struct type *type, int index, const void *object)
{
	(void)type;
	return (const struct mark **)object + index;
}
static inline void *field_value(const struct field *field, const void *object)
{
	return (char *)object + field->offset;
}
/* Index of a key in a type, -1 if it has none. */
int type_index(const struct type *, const char *key);
const struct field *type_field(const struct type *, const char *key);
/* A new object of a type: values are the defaults of the rows, else zero; no mark is set. */
void *type_new(struct arena *, const struct type *);
/* The first mark that any field of the object (or of what it holds) has: "where it stands". NULL if none. */
const struct mark *type_mark(const struct type *, const void *object);
/* The value of a choice, or -1; `count` words are in the list. */
int choice_find(const char *const *choices, const char *word);
size_t choice_count(const char *const *choices);

/* Two values of one field, compared as diff does: texts as they are (MACs and cpus in canonical form), lists
 * of text without order, maps by key. Structs and lists of structs: all compared fields that `want` has set.
 */
bool value_equal(const struct field *, const void *want, const void *have);
/* Do two objects of a type hold the same: every field set or known in both or in neither, and equal where it
 * is? */
bool object_same(const struct type *, const void *one, const void *other);
/* The value of a field as JSON: quantities as text in the largest binary unit that divides, choices as their
 * word, secrets as "(secret)". Structs hold every field that is set or known. */
void value_json(struct json *, const char *key, const struct field *, const void *value);
/* A whole object of a type, as a JSON object. */
void object_json(struct json *, const char *key, const struct type *, const void *object);
/* The same without the fields that change by themselves. */
void object_json_settled(struct json *, const char *key, const struct type *, const void *object);
/* A value on one line for people: 2GiB, "ro quiet", none. */
void value_text(struct buffer *, const struct field *, const void *value);
/* A deep copy into the arena; marks stay the same pointers. */
void *object_copy(struct arena *, const struct type *, const void *object);
/* Which member of a Layer is set: its key, as in layer.def; NULL if none is. */
const char *layer_key(const struct Layer *);
