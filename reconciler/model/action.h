/* Actions and links: what crosses from plan to execute to the drivers. An action is data; the plan is
 * printed, counted, simulated and executed from one array of them. */
#pragma once
#include "model/have.h"
#include "model/want.h"

enum performer { PERFORMER_HOST, PERFORMER_STORAGE };
enum stage {
	STAGE_CHECK,
	STAGE_DISKS,
	STAGE_CONFIG,
	STAGE_CREATE,
	STAGE_VERIFY,
	STAGE_CHANGE,
	STAGE_STOP,
	STAGE_REMOVE
};

/* One row of schema/action.def. */
struct verb_row {
	const char *verb, *wording;
	enum performer performer;
	enum stage stage;
	enum level blast;
	int deadline; /* seconds; 0: from the object */
	bool reversible, records, forgets, waits;
};
extern const struct verb_row verb_table[VERBS];
enum verb verb_find(const char *verb); /* verb_none if there is no such */

struct action {
	uint32_t id; /* place in execution order, from 1: printed as a1, a2 ... */
	enum verb verb;
	const char *object; /* "Domain/web-1", "Volume/web-1-xvda" */
	const char *change; /* object of the change that it is part of */
	const char *text;   /* for people, no secrets */
	enum level blast;
	const struct mark *at;        /* what asked for it; NULL: the file is gone */
	uint32_t *needs, needs_count; /* ids that must have succeeded */

	/* what it works on; those that its verb does not use are NULL */
	const struct wanted_domain *domain;
	const struct HaveDomain *have;
	const char *uid; /* of the domain (host verbs) or volume (storage verbs) */
	const struct wanted_volume *volume;
	const struct HaveVolume *have_volume;
	const struct wanted_image
		*image;          /* image.verify; volume.create: what the chain names at or below `layer` */
	const struct Disk *disk; /* disk.*: WANT's for attach, HAVE's for detach */
	const struct wanted_volume *disk_volume; /* disk.attach: what it is */
	const struct Nic *nic;                   /* nic.*: likewise */
	uint32_t layer; /* volume.create, .open, .close: which layer of the chain, from 0 */
	const struct Scheduler *scheduler; /* set-scheduler: what is known of it */
	const char *cpus;                  /* set-cpus: in canonical form */
	int64_t number; /* set-memory: bytes; set-vcpus: count; shutdown: timeout in seconds */
	/* config.*: the drive that is wanted; domain.check, configure and create: it is in the configuration;
	 * disk.*: the disk is it */
	const struct wanted_config *config;
	const struct HaveDrive *drive; /* config.remove: which, where it was found; else that of `config` */
	const char *failure; /* config.record: how the guest failed; NULL: it was given what is wanted */
	bool counted;        /* a removal that counts towards the cap of the hour */
	bool escalates; /* shutdown: an action that destroys comes after; running out of time is no failure */
	const struct Record *record; /* what to write before it, where its verb records */
	const struct Label
		*label; /* volume.create, .open, .record: what the volume's label says, but for the chain */
};

/* What a layer gives to the next and a volume to its domain. */
struct link {
	const char *place; /* folder for the layers above, or NULL */
	const char *path;  /* file or device; NULL: nothing yet */
	/* of an export: the program that binds it to a device, whose name follows; NULL: it is none */
	const char *const *bind;
	const char *id; /* device and inode, NULL: not known */
	enum disk_format format;
	bool block;     /* a device, not a file */
	bool read_only; /* it shows an image, which is never written */
	int64_t size;   /* virtual, bytes; 0: not known */
	uint32_t generation;
};

/* Volumes by uid, with the link of their topmost layer. Filled by execute from the observation and from
 * finished actions, read by host drivers. */
struct link_entry {
	const char *uid;
	struct link link;
};
struct links {
	struct arena *arena;
	struct link_entry *item;
	uint32_t count, room;
};
const struct link *links_find(const struct links *, const char *uid);
void links_set(struct links *, const char *uid, const struct link *);

/* How an action ended. */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_TRANSIENT, /* failed, worth another try */
	OUTCOME_TERMINAL,  /* failed, and will again until something else changes */
};
struct finished {
	uint32_t id; /* of the action */
	enum outcome outcome;
	const char *message; /* failure: one line with command, exit status, tail of its errors; in `arena` */
	const char *hint;    /* what to do next, or NULL */
	struct arena *arena; /* where the texts of this result go; given by the caller of reap */
	struct link link;    /* volume.create: what the layer gave */
};
