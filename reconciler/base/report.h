/* A report collects every diagnostic of a run, not the first only. Each has a mark (the place in the text
 * that was read), the object it is about, a message and a hint. Excerpts come from the text that was read: a
 * file is never opened again. Printing sorts by file, line and column, and keeps the order of equal places.
 */
#pragma once
#include "base/json.h"
#include "base/text.h"
#include <stdio.h>

/* A text that was read: its name as the user gave it, its bytes (NUL-terminated), and where it stands. Lives
 * in the arena of its generation. */
struct text_file {
	const char *name;
	const char *text;
	size_t size;
	const void *root; /* the struct source_root it was found under, or NULL */
	const char *path; /* absolute */
};

/* A place in a file: line and column count from 1, columns in characters (code points). file NULL: no file, a
 * value that was observed or computed. */
struct mark {
	const struct text_file *file;
	uint32_t line, column;
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE };

struct diagnostic {
	enum severity severity;
	struct mark mark;    /* mark.file NULL: no place */
	const char *object;  /* "Domain/web-1", or NULL */
	const char *message; /* one line, no dot at the end */
	const char *hint;    /* "did you mean 'memory'?", or NULL */
};

struct report;
struct report *report_new(void);
void report_free(struct report *);
static inline void report_drop(struct report **report)
{
	report_free(*report);
}
#define REPORT_SCOPED __attribute__((cleanup(report_drop))) struct report *

/* Adds one diagnostic; mark, object and hint may be NULL; everything is copied but the mark's file, which
 * must outlive the report. Control characters in the result are escaped. After `REPORT_LIMIT` diagnostics
 * only their number is kept, and said at the end. Diagnostics without a place come last. Always returns
 * false, so that `return report_error(...)` reads well. */
enum { REPORT_LIMIT = 1000 };
bool report_add(struct report *, enum severity, const struct mark *, const char *object, const char *hint,
	const char *format, ...) __attribute__((format(printf, 6, 7)));
#define report_error(report, mark, object, hint, ...)                                                        \
	report_add((report), SEVERITY_ERROR, (mark), (object), (hint), __VA_ARGS__)
#define report_warn(report, mark, object, hint, ...)                                                         \
	report_add((report), SEVERITY_WARNING, (mark), (object), (hint), __VA_ARGS__)
#define report_note(report, mark, object, hint, ...)                                                         \
	report_add((report), SEVERITY_NOTE, (mark), (object), (hint), __VA_ARGS__)

/* Gives the report an arena to free with itself: the text that its marks point into, where nothing else keeps
 * it. */
void report_keep(struct report *, struct arena *);

size_t report_count(const struct report *, enum severity);
/* Diagnostics in printing order; the array belongs to the report until the next report_add. */
size_t report_all(struct report *, const struct diagnostic **first);

/* FILE:LINE:COL: error: MESSAGE, then the line and a caret with the hint (docs/cli.md, "Diagnostics").
 * color: ANSI colours. */
void report_text(struct report *, FILE *, bool color);
/* An array of {severity, at, object, message, hint}, keys in that order; at, object and hint null where
 * unknown. After json_key it is the value of that key. */
void report_json(struct report *, struct json *);
/* GitHub workflow annotations: ::error file=F,line=L,col=C,title=OBJECT::MESSAGE (HINT), without what is not
 * known, escaped as the runner wants. */
void report_github(struct report *, FILE *);

/* "web.yaml:7:3" into the arena, without what is 0, or NULL where the mark has no file. */
const char *mark_text(struct arena *, const struct mark *);
