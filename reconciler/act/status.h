/* status: what one pass learned, per object, as conditions (docs/manifests.md). Pure: WANT, HAVE and the
 * plan between them go in. Without a daemon nobody remembers, so `since`, generations and last actions are
 * not known here. */
#pragma once
#include "act/backoff.h"

enum condition_kind {
	CONDITION_READY,
	CONDITION_RECONCILING,
	CONDITION_STALLED,
	CONDITION_DRIFTED,
	CONDITION_SUSPENDED,
	CONDITION_RESTART_REQUIRED,
	CONDITION_BLOCKED,
	CONDITION_BASE_CHANGED,
	CONDITIONS
};
extern const char *const condition_name[CONDITIONS];

enum truth { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN };
extern const char *const truth_name[TRUTH_UNKNOWN + 1];

struct condition {
	enum truth status;
	const char *reason;  /* CamelCase */
	const char *message; /* one line for people; "" where the reason says it all */
};

struct object_status {
	const char *object;            /* "Domain/web-1" */
	const struct object *subject;  /* NULL: its file is gone */
	const struct change *change;   /* NULL: nothing to do */
	const struct HaveDomain *have; /* of a domain that is there */
	struct condition conditions[CONDITIONS];
};

/* Declared domains and volumes of this host and owned ones whose file is gone, sorted by object: struct
 * object_status in the arena. */
struct list status_of(struct arena *, const struct want *, const struct have *, const struct plan *);
/* Objects whose last action failed are Stalled, and say why. */
void status_add_failures(struct arena *, const struct list *all, const struct backoff *failures);
/* The condition that says most about it: what explains that it is not Ready, else Ready itself. */
enum condition_kind status_explanation(const struct object_status *);
/* That condition in words, "Blocked: it is protected (metadata.protect)", into the arena. */
const char *status_words(struct arena *, const struct object_status *);
/* Are all of them Ready? */
bool status_ready(const struct list *);
