/* Logs: everything that is not the result goes to standard error through here, as text or as one JSON object
 * per line
 * (--log-format). -q leaves warnings and errors, -v adds details. */
#pragma once
#include "face/option.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Will a line of this level be written? */
bool log_wants(const struct options *, enum log_level);
/* One line; control characters are escaped. errno may be named by %m. */
void log_line(const struct options *, enum log_level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Begins a line of text with the time, where options ask for it. */
void log_stamp(const struct options *);
/* All diagnostics of the report, notes only where LOG_INFO is wanted. */
void log_report(const struct options *, struct report *);
/* Opens a JSON line for keys of one's own: {"time": ..., "level": ...; the caller closes it with
 * log_json_end. */
struct json log_json_begin(enum log_level);
void log_json_end(struct json *);
/* May colours be written to this stream? --color, NO_COLOR, and whether it is a terminal. */
bool log_color(const struct options *, FILE *);
