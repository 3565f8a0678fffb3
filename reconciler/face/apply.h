/* Converging on behalf of a command: progress on standard error, the result on standard output, as `apply`
 * and `gc` give it (docs/cli.md). */
#pragma once
#include "face/session.h"

/* Turns until nothing differs from what these options plan, or nothing more can be done. The session is open
 * for writing and has its manifests. */
enum exit_code apply_plan(struct session *, const struct plan_options *);
/* The result where nothing was begun: `code` is given back. */
enum exit_code apply_refuse(struct session *, enum exit_code code);
