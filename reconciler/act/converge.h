/* converge: observe, diff, plan, execute, and again, until nothing differs or nothing more can be done. Objects that
 * failed wait with exponential back-off and jitter (by the host's clock) before they are tried again. */
#pragma once
#include "act/execute.h"

struct converge_options {
	struct plan_options plan;
	int64_t timeout_ms;	/* of everything; 0: none */
	uint64_t seed;		/* of the jitter */
	int tries;		/* of one object, before it is given up */
	/* Told of each plan before it is executed, and of the last one. May be NULL. */
	void (*planned)(void *context, const struct plan *, const struct want *, const struct have *, int pass);
};

enum converge_end { CONVERGED, CONVERGED_STAGED /* restarts only */, CONVERGE_BLOCKED, CONVERGE_PARTLY, CONVERGE_FAILED };
struct convergence {
	enum converge_end end;
	int passes;
	uint32_t done, failed;
};
struct convergence converge(const struct executor *, const struct want *, const struct converge_options *, struct report *);
