/* The status that a daemon keeps in its state folder, read by another process. */
#pragma once
#include "act/status.h"
#include "face/session.h"

/* What the daemon of this state folder knows, if one runs and keeps these very PATHs (none: whatever it
 * keeps); NULL otherwise. In the session's arena. */
struct told {
	struct list all;  /* struct object_status: object, conditions, and a domain with its domid */
	const char *json; /* the same as it was written, without the objects that --only leaves out */
	bool complete;    /* its manifests were read whole */
};
const struct told *status_of_daemon(const struct session *);
