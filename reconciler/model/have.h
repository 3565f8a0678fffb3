/* HAVE: what an observation found. The structs are those of schema/observation.def; here is how they are
 * looked up. A host that could not be observed has no domains and `known` false: nothing may be concluded
 * from absence. */
#pragma once
#include "base/index.h"
#include "model/schema.h"

/* What is on the config drive that WANT has of a domain, as this host's keyed hash. */
struct wanted_content {
	const char *domain, *content; /* uid, hash */
};

struct have {
	struct arena *arena;
	struct Observation *found;
	struct index domains_by_uuid, domains_by_name, volumes_by_uid, volumes_by_id, volumes_by_domain,
		drives_by_domain, contents_by_domain; /* made by have_sort, for the look-ups */
	struct list contents; /* struct wanted_content: of the config drives in WANT; whose is not here is not
				 known */
	bool known;           /* false: the host could not be observed at all; nothing is acted on */
	bool storage_known;   /* false: volumes could not be listed; create and remove are withheld */
	const char *why_unknown; /* for people */
	bool paths_known;        /* false: a snapshot, which knows no files of the host but its volumes */
};

struct have *have_new(void); /* with an arena and an empty Observation */
void have_free(struct have *);
static inline void have_drop(struct have **have)
{
	have_free(*have);
}
#define HAVE_SCOPED __attribute__((cleanup(have_drop))) struct have *

struct HaveDomain *have_domain(const struct have *, const char *uuid);
struct HaveDomain *have_domain_named(const struct have *, const char *xen_name);
struct HaveVolume *have_volume(const struct have *, const char *uid);
/* The complete volume whose topmost layer has this id (device and inode); NULL: none. */
struct HaveVolume *have_volume_on(const struct have *, const char *id);
/* The volumes whose label names this domain, by name: *count entries (struct HaveVolume) from the one
 * that is returned on. */
const struct index_entry *have_volumes_of(const struct have *, const char *domain_uid, uint32_t *count);
/* The config drives of a domain: *count entries (struct HaveDrive) from the one that is returned on. */
const struct index_entry *have_drives_of(const struct have *, const char *domain_uid, uint32_t *count);
/* The one with this content; NULL: none. */
struct HaveDrive *have_drive(const struct have *, const char *domain_uid, const char *content);
/* The keyed hash of the drive that WANT has of a domain; NULL: not known. */
const char *have_wanted_content(const struct have *, const char *domain_uid);
struct HaveImage *have_image(const struct have *, const char *name);
struct HaveFile *have_file(const struct have *, const char *path);
/* The folder of manifests that all domains and volumes of this owner were made from; NULL where they name
 * several, or none. */
const char *have_source(const struct have *, const char *owner);
/* Sorts everything into its documented order and makes the indices; the look-ups above work after it. */
void have_sort(struct have *);
/* The link of a found volume's topmost layer; false where it has none or is not complete. */
struct link;
bool have_volume_link(const struct HaveVolume *, struct link *);
/* Is this disk of a guest on something that the volume made or bound? */
bool have_is_on(const struct Disk *, const struct HaveVolume *);
/* The next domain from *at on (0 at first) that has such a disk, and which; NULL: no further one. */
const struct HaveDomain *have_holder(
	const struct have *, const struct HaveVolume *, uint32_t *at, const struct Disk **);
/* The name of an image below this volume that is not the file any more that the volume was made on; NULL:
 * none is known to be. A file is told by device, inode, size and mtime; by its digest where those were not
 * recorded. */
const char *have_changed_base(const struct have *, const struct HaveVolume *);
/* Can the driver do this verb? */
bool have_can(const struct have *, enum verb);

/* Set a field of a found object and say that it is known: KNOW(domain, HaveDomain, domid, 3). */
#define KNOW(object, T, field, value) ((object)->at[T##_##field] = &mark_observed, (object)->field = (value))
#define KNOWN(object, T, field) ((object)->at[T##_##field] != NULL)
