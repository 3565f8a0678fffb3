/* converge: observe, diff, plan, execute, and again, until nothing differs or nothing more can be done.
 * Objects that failed wait with exponential back-off and jitter (by the host's clock) before they are tried
 * again; a terminal failure is not tried again. */
#pragma once
#include "act/turn.h"

struct converge_options {
	struct plan_options plan;
	int64_t timeout_ms; /* of everything, by the host's clock; 0: none */
	uint64_t seed;      /* of the jitter */
	int tries;          /* of one object, before it is given up */
	/* Told of the plan of each pass before it is executed, and once more of the last one (final). May be
	 * NULL. */
	void (*planned)(void *context, const struct plan *, const struct have *, int pass, bool final);
};

enum converge_end {
	CONVERGED,
	CONVERGED_STAGED, /* what still differs waits for guests to restart */
	CONVERGE_BLOCKED, /* by limits, consent or --allow */
	CONVERGE_FAILED,  /* something failed, is unknown, or cannot be done; `done` says whether anything was
			   */
};
struct convergence {
	enum converge_end end;
	int passes;
	uint32_t done, failed; /* actions */
	bool stopped, timed_out;
};
/* Diagnostics of the last pass, and the last failure of each object that did not get there, go to the report.
 * The observer's `now` is renewed for each pass. */
struct convergence converge(const struct executor *, const struct observer *, const struct want *,
	const struct converge_options *, struct report *);
