/* plan: from WANT and HAVE to actions. Pure. The plan is data: printed, counted, digested and executed from
 * the same arrays. An object that is in order has no change; its number is in the summary. */
#pragma once
#include "decide/diff.h"
#include "model/action.h"

enum change_kind {
	CHANGE_CREATE,
	CHANGE_LIVE,
	CHANGE_REATTACH,
	CHANGE_RESTART,
	CHANGE_STOP,
	CHANGE_RECREATE,
	CHANGE_DESTROY,
	CHANGE_BLOCKED,
	CHANGE_UNKNOWN,
	CHANGE_KINDS
};
extern const char *const change_name[CHANGE_KINDS];

/* Why something that is wanted is not done: what an exit code is made of. */
enum cause {
	CAUSE_NONE,
	CAUSE_STAGED, /* waits for the guest's next restart */
	CAUSE_LIMITS, /* caps, consent, protection, --allow, or not yet supported on this host */
	CAUSE_ERROR,  /* something is missing, in conflict or not yet supported */
};

struct change {
	const char *object; /* "Domain/web-1" */
	enum change_kind kind;
	enum level blast;   /* the worst of what is wanted, allowed or not */
	bool allowed;       /* something of it will be done, or nothing needs to be */
	const char *reason; /* blocked, unknown, and what is left out: one line for people; NULL otherwise */
	enum cause cause;
	const char *failed; /* ConfigFailed and its kin: why its guest is not as wanted; else NULL */
	const char *detail; /* "keeps volume old-xvda", or NULL */
	const struct mark *at;
	const struct object *subject;   /* NULL: its file is gone */
	struct difference *differences; /* with `allowed` beside each */
	bool *difference_allowed;
	uint32_t difference_count;
	struct list actions; /* struct action */
	const struct wanted_domain *domain;
	const struct HaveDomain *have;
	const struct wanted_volume *volume;
	const struct HaveVolume *have_volume;
};

struct summary {
	uint32_t count[CHANGE_KINDS], unchanged, elsewhere;
};

/* What `gc` deletes of what it finds. */
struct collect_options {
	bool leftovers;          /* all that interrupted work left */
	const char *const *uids; /* and these volumes */
	size_t uid_count;
};
/* Ours, and nothing wants it. */
enum garbage_kind {
	GARBAGE_LEFTOVER,   /* it was begun, or its removal was, and not ended */
	GARBAGE_RETAINED,   /* whole */
	GARBAGE_ELSEWHERE,  /* of manifests that were not given: they may want it */
	GARBAGE_BROKEN,     /* not what its label says */
	GARBAGE_UNLABELLED, /* work in progress that has no label yet */
	GARBAGE_KINDS
};
struct garbage {
	const char *object; /* "Volume/NAME", by its uid where the name is another's, too */
	enum garbage_kind kind;
	const struct HaveVolume *volume;
	const char *kept; /* why it stays, whoever asks for it; NULL: it may be deleted */
};

struct plan_options {
	enum level allow; /* --allow; level_none: only what each spec.disruption says */
	bool prune;       /* --prune, or its default */
	bool take_over;
	const char *only;    /* "Domain/web-1", or NULL */
	const char *consent; /* "sha256:...", or NULL */
	/* instead of what the manifests ask for: what nothing wants; NULL: a usual plan */
	const struct collect_options *collect;
};

struct plan {
	struct arena *arena;
	struct list changes;   /* struct change, sorted by object: domains, then volumes, by name */
	struct list actions;   /* struct action, in execution order; ids are 1, 2, ... */
	struct list unmanaged; /* const char *, "Domain/hand-made" */
	struct list garbage;   /* struct garbage, by object; only where it is collected */
	struct summary summary;
	char digest[72];          /* "sha256:..." of the gated changes */
	const char *prune_reason; /* something would be pruned, and nothing may be; else NULL */
	bool needs_consent;       /* the cap or an empty source: `consent` with this digest would allow it */
};

/* Diagnostics (references to nothing, two writers, not yet supported, memory short ...) go to the report. */
struct plan *plan_make(
	const struct want *, const struct have *, const struct plan_options *, struct report *);
void plan_free(struct plan *);
/* Is there nothing to do and nothing wanted that is not so? */
bool plan_empty(const struct plan *);
