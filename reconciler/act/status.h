/* status: what one pass learned, per object, as conditions (docs/manifests.md). Pure: WANT, HAVE and the
 * plan between them go in. Without a daemon nobody remembers, so `since`, generations and last actions are
 * not known here. */
#pragma once
#include "decide/plan.h"

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
/* Are all of them Ready? */
bool status_ready(const struct list *);
