/* diff: WANT against HAVE, field by field. Pure: no I/O, no clock. It says what differs and what changing it
 * would do; whether that is allowed, and in what order it is done, is plan's. */
#pragma once
#include "model/have.h"
#include "model/want.h"

struct difference {
	const char *path;          /* spec.memory, spec.disks[xvdb].access */
	const struct field *field; /* says how `want` and `have` are printed */
	const void *want, *have;   /* values of the field; NULL: added, removed */
	enum level effect;
	const struct mark *at; /* of WANT's value, or of the nearest thing that is there */
	enum verb verb;        /* makes it so on a running guest; verb_none: only by its effect */
	const char *refused;   /* not done, and why: "not yet supported: ...", "shrinking is refused"; NULL
				  otherwise */
	bool asked;            /* its author asks for it in so many words: disruption does not bound it */
	bool staged;           /* its author wants it to wait: only --allow lets it happen now */
	bool unknown;          /* HAVE does not know the field */
	/* for lists: the entries themselves */
	const struct wanted_disk *want_disk;
	const struct Disk *have_disk;
	const struct Nic *want_nic, *have_nic;
	/* verb volume.grow: the volume, and which of its layers */
	const struct wanted_volume *grows;
	uint32_t layer;
};

/* Differences of one domain that is there, into `out` (struct difference, in the order of the tables).
 * Compares only what the author set or what has a default. */
void diff_domain(struct arena *, const struct want *, const struct have *, const struct wanted_domain *,
	const struct HaveDomain *, struct list *out);
/* Is this disk of a guest on the very volume that is wanted, while storage does not know the volume any more?
 */
bool diff_lost(const struct have *, const struct wanted_volume *, const struct Disk *);
extern const char diff_lost_words[];
/* Differences of one volume that is there (growth, another base, another chain). What growing does is level
 * none where no guest has the volume; not known where one may have it. */
void diff_volume(struct arena *, const struct want *, const struct have *, const struct wanted_volume *,
	const struct HaveVolume *, struct list *out);
/* Of a declared volume that is there, as differences of the guest that has it as this disk: what can only
 * grow when that guest is restarted. */
void diff_staged_growth(struct arena *, const struct have *, const struct wanted_disk *,
	const struct HaveVolume *, struct list *out);
/* Is there any layer that is to grow, or began to? */
bool diff_grows(const struct wanted_volume *, const struct HaveVolume *);
