/* What the files of this room share while a WANT is being built. Nobody outside includes this. */
#pragma once
#include "want/load.h"
#include "want/source.h"

/* What a config drive is made of, as far as it was read. */
struct config_parts {
	struct list files;    /* struct config_file */
	const char *password; /* NULL: none is wanted, or it is not known */
	bool unknown;         /* a secret file is not here */
};

/* An object with the file that it came from; want->objects holds these under their first member. */
struct loaded {
	struct object object;
	struct source_file *file;
	struct config_parts config; /* config_check */
	bool by_reference;          /* broken, and the first reason was that it names something broken */
	char uid[UID_SIZE]; /* complete_identities; "" for images, and for what is elsewhere or has no name */
};

/* A text of an earlier load in which an object is taken today (kept.c). */
struct stand_in {
	const char *object; /* "Domain/web-1" */
	const struct source_file *file;
};

struct loading {
	struct arena *arena; /* of the WANT */
	struct report *report;
	const struct load_options *options;
	struct want *want;
	struct list files;     /* struct source_file */
	struct list stand_ins; /* struct stand_in, sorted by object */
	struct recent recent;
};

/* load.c: the parts of a load, in this order. loading_objects makes the objects of the files' texts, judges
 * them and fills WANT's lists; when it is called again it does all that anew, with what `files`, `stand_ins`
 * and `report` are then. loading_sources says which roots are broken, and whether WANT is complete. */
struct loading loading_begin(const struct load_options *, struct report *);
void loading_read(struct loading *);
void loading_objects(struct loading *);
void loading_sources(struct loading *);

/* Was the field set by the author, and did it decode? THERE: it stands in the file, good or not. */
#define SET(object, T, field) ((object)->at[T##_##field] && (object)->at[T##_##field] != &mark_broken)
#define THERE(object, T, field) ((object)->at[T##_##field] != NULL)

/* An error of an object, which is then broken. Returns false. */
#define object_error(loading, loaded, mark, hint, ...)                                                       \
	((loaded)->object.broken = true,                                                                     \
		report_error((loading)->report, (mark), (loaded)->object.text, (hint), __VA_ARGS__))
/* "also at web.yaml:7:3", the hint of errors that have two places. */
const char *also_at(struct loading *, const struct mark *);

/* shape.c: what the tables say of whole objects */
void shape_require(struct loading *, struct loaded *); /* REQUIRED fields that are not there */
void shape_refuse(struct loaded *, struct arena *);    /* object->refused: the first field that is LATER */
void shape_clean(struct loaded *);                     /* mark_broken becomes "not set" */

/* check.c: rules within one object */
void check_object(struct loading *, struct loaded *);

/* chain.c: is the order of the layers possible? `writes`: a guest may write to it. */
void chain_check(struct loading *, struct loaded *, const struct list *chain, bool writes);

/* config.c: the config drive. config_check judges its fields and reads the files that it names,
 * config_complete makes all of it, once uids are known; NULL where none is wanted. */
void config_check(struct loading *, struct loaded *);
const struct wanted_config *config_complete(
	struct loading *, const struct loaded *, const struct wanted_domain *);

/* policy.c: what the host lets manifests name */
void policy_check_domain(struct loading *, struct loaded *);
void policy_check_image(struct loading *, struct loaded *);
void policy_check_chain(struct loading *, struct loaded *, const struct list *chain);
/* A component ".." makes the text of a path say nothing about where it leads. */
bool policy_climbs(const char *path);
/* An image's path, made absolute. */
const char *policy_image_path(struct loading *, const struct ImageSpec *);

/* cross.c: rules between objects, on all that were loaded; they stand in order of kind and name */
void cross_check_names(struct loading *);      /* one object per kind and name */
void cross_check_identities(struct loading *); /* uids, Xen names, MACs, addresses */
void cross_check_references(struct loading *); /* Images and Volumes that are named; who writes to what */

/* complete.c: what is derived */
void complete_identities(struct loading *); /* uids, and names and MACs of nics */
void complete_lists(
	struct loading *); /* want->domains, volumes, images, of what is neither broken nor elsewhere */

/* The object of a kind and name, NULL if there is none. */
struct loaded *loaded_find(struct loading *, enum kind, const char *name);
static inline const struct Metadata *loaded_metadata(const struct loaded *loaded)
{
	switch (loaded->object.kind) {
	case KIND_DOMAIN:
		return loaded->object.domain->metadata;
	case KIND_VOLUME:
		return loaded->object.volume->metadata;
	case KIND_IMAGE:
		return loaded->object.image->metadata;
	default:
		return NULL;
	}
}
