/* JSON out: a streaming writer to a FILE or a buffer; nothing is held. JSON in: cJSON, used by its readers
 * directly. Two-space indentation when `pretty`, else no white space at all (canonical form for digests). */
#pragma once
#include "base/text.h"
#include <stdio.h>

/* Opening deeper than this is a mistake of the program: who writes out what it read bounds the depth while
 * reading. */
enum { JSON_DEPTH = 128 };
struct json {
	FILE *file; /* one of file and buffer */
	struct buffer *buffer;
	bool pretty;
	int depth;
	bool filled[JSON_DEPTH]; /* something stands at this depth already */
	bool keyed;              /* a key was written, its value comes next */
	int flat;                /* > 0: this depth and deeper stay on one line */
};
struct json json_to_file(FILE *, bool pretty);
struct json json_to_buffer(struct buffer *, bool pretty);
/* The key alone, for a value that another function writes as its top level (report_json): the next value is
 * written with key NULL. */
void json_key(struct json *, const char *key);
/* key NULL inside arrays and at top level. */
void json_open_object(struct json *, const char *key);
void json_open_array(struct json *, const char *key);
/* As the two above, but everything inside stands on one line also when pretty. */
void json_open_flat_object(struct json *, const char *key);
void json_open_flat_array(struct json *, const char *key);
void json_close(struct json *, char bracket); /* '}' or ']' */
/* value NULL writes null; bytes that are not UTF-8 become U+FFFD. */
void json_text(struct json *, const char *key, const char *value);
void json_int(struct json *, const char *key, int64_t value);
void json_bool(struct json *, const char *key, bool value);
void json_null(struct json *, const char *key);
/* text: already formed JSON, written as it is. */
void json_raw(struct json *, const char *key, const char *text);
/* A newline after the top-level value of a file. */
void json_end(struct json *);
