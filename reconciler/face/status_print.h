/* The status of objects for people and for programs. */
#pragma once
#include "act/history.h"
#include <stdio.h>

/* A table: object, ready, domid, and what stands in the way. */
void status_text(FILE *, const struct list *all, bool color);
struct status_view {
	const struct want *want;
	const struct list *all;        /* struct object_status */
	const struct history *history; /* NULL: nobody remembers */
	int64_t daemon;                /* pid of the daemon that says it; 0: none */
};
/* docs/cli.md, "Status as JSON". */
void status_json(struct json *, const struct status_view *);
/* The conditions of one object, as an array below `key`. `past` NULL: nobody remembers. */
void status_json_conditions(
	struct json *, const char *key, const struct object_status *, const struct past *past);
/* One condition on a line for people: "RestartRequired  True  NotAllowed: spec.boot.cmdline". */
void status_text_condition(FILE *, const char *indent, const struct object_status *, enum condition_kind);
