/* A plan for its readers: people at a terminal, programs, and a pull request. All three read the same arrays;
 * none of them decides anything. */
#pragma once
#include "decide/plan.h"
#include <stdio.h>

/* What is printed together. */
struct plan_view {
	const struct plan *plan;
	const struct want *want;
	const struct have *have;
	struct report *report;
	bool color; /* text only */
};

/* docs/cli.md, "The plan as text": the changes and the summary line. */
void plan_text(FILE *, const struct plan_view *);
/* The changes alone, without the summary line; true if there were any. */
bool plan_text_changes(FILE *, const struct plan_view *);
/* "1 to create, 1 live, ... 37 unchanged" */
void plan_text_summary(FILE *, const struct summary *);
/* docs/cli.md, "The plan as JSON": streamed into the writer; stable order. */
void plan_json(struct json *, const char *key, const struct plan_view *);
/* For a comment on a pull request: a table of what changes and how hard, details folded away. */
void plan_markdown(FILE *, const struct plan_view *);
/* The actions of a plan as an array, as in "plan, JSON". */
void plan_json_actions(struct json *, const char *key, const struct list *actions);
/* One field of a change, as in "plan, JSON". */
void plan_json_difference(struct json *, const struct difference *, bool allowed);

/* What a plan's reader has to know besides the changes, to the log. */
struct options;
void plan_notes(const struct options *, const struct plan *);
