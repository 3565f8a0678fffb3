/* The status of objects for people and for programs. */
#pragma once
#include "act/status.h"
#include <stdio.h>

/* A table: object, ready, domid, and what stands in the way. */
void status_text(FILE *, const struct list *all, bool color);
/* docs/cli.md, "Status as JSON". */
void status_json(struct json *, const struct want *, const struct list *all);
/* The conditions of one object, as an array below `key`. */
void status_json_conditions(struct json *, const char *key, const struct object_status *);
/* One condition on a line for people: "RestartRequired  True  NotAllowed: spec.boot.cmdline". */
void status_text_condition(FILE *, const char *indent, const struct object_status *, enum condition_kind);
