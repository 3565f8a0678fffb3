/* Writes JSON as its values arrive. What stands before a value - comma, line break, indentation, key - is
 * decided in one place, value_begin; the rest writes the value itself. Output is always valid UTF-8 and holds
 * no control character but the line breaks of the pretty form. */
#include "base/json.h"
#include <assert.h>
#include <inttypes.h>
#include <string.h>

struct json json_to_file(FILE *file, bool pretty)
{
	return (struct json){.file = file, .pretty = pretty};
}

struct json json_to_buffer(struct buffer *buffer, bool pretty)
{
	return (struct json){.buffer = buffer, .pretty = pretty};
}

static void put_bytes(struct json *json, const char *bytes, size_t size)
{
	if (json->file && size == 1)
		putc_unlocked(*bytes, json->file);
	else if (json->file)
		fwrite_unlocked(bytes, 1, size, json->file);
	else
		buffer_bytes(json->buffer, bytes, size);
}

static void put(struct json *json, const char *text)
{
	put_bytes(json, text, strlen(text));
}

static bool on_one_line(const struct json *json)
{
	return !json->pretty || (json->flat && json->depth >= json->flat);
}

static void line_break(struct json *json, int depth)
{
	static const char spaces[] = "                                ";
	put_bytes(json, "\n", 1);
	for (size_t left = 2 * (size_t)depth; left;) {
		const size_t part = left < sizeof(spaces) - 1 ? left : sizeof(spaces) - 1;
		put_bytes(json, spaces, part);
		left -= part;
	}
}

/* Bytes from the start that are written as they are: printable ASCII but quote and backslash. */
static size_t plain_length(const char *text)
{
	size_t length = 0;
	while (text[length] >= 0x20 && text[length] < 0x7f && text[length] != '"' && text[length] != '\\')
		length++;
	return length;
}

static void put_quoted(struct json *json, const char *text)
{
	size_t plain = plain_length(text);
	put_bytes(json, "\"", 1);
	put_bytes(json, text, plain);
	if (!text[plain]) {
		put_bytes(json, "\"", 1);
		return;
	}
	size_t size = strlen(text);
	for (size_t at = plain; at < size;) {
		plain = plain_length(text + at);
		put_bytes(json, text + at, plain);
		at += plain;
		if (at == size)
			break;
		uint32_t code;
		size_t length = text_character(text + at, size - at, &code);
		char escape[8] = "";
		if (!length)
			strcpy(escape, "\xef\xbf\xbd");
		else if (code == '"' || code == '\\')
			snprintf(escape, sizeof(escape), "\\%c", (char)code);
		else if (code == '\n')
			strcpy(escape, "\\n");
		else if (code == '\t')
			strcpy(escape, "\\t");
		else if (code == '\r')
			strcpy(escape, "\\r");
		else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
			snprintf(escape, sizeof(escape), "\\u%04" PRIx32, code);
		if (escape[0])
			put(json, escape);
		else
			put_bytes(json, text + at, length);
		at += length ? length : 1;
	}
	put_bytes(json, "\"", 1);
}

static void value_begin(struct json *json, const char *key)
{
	if (json->keyed) {
		assert(!key);
		json->keyed = false;
		return;
	}
	if (json->depth) {
		bool *filled = &json->filled[json->depth];
		if (*filled)
			put_bytes(json, ", ", json->pretty && on_one_line(json) ? 2 : 1);
		if (!on_one_line(json))
			line_break(json, json->depth);
		*filled = true;
	}
	if (key) {
		put_quoted(json, key);
		put_bytes(json, ": ", json->pretty ? 2 : 1);
	}
}

void json_key(struct json *json, const char *key)
{
	value_begin(json, key);
	json->keyed = true;
}

static void open_bracket(struct json *json, const char *key, const char *bracket, bool flat)
{
	assert(json->depth < JSON_DEPTH - 1);
	value_begin(json, key);
	put(json, bracket);
	json->filled[++json->depth] = false;
	if (flat && !json->flat)
		json->flat = json->depth;
}

void json_open_object(struct json *json, const char *key)
{
	open_bracket(json, key, "{", false);
}

void json_open_array(struct json *json, const char *key)
{
	open_bracket(json, key, "[", false);
}

void json_open_flat_object(struct json *json, const char *key)
{
	open_bracket(json, key, "{", true);
}

void json_open_flat_array(struct json *json, const char *key)
{
	open_bracket(json, key, "[", true);
}

void json_close(struct json *json, char bracket)
{
	assert(json->depth > 0 && !json->keyed);
	if (json->filled[json->depth] && !on_one_line(json))
		line_break(json, json->depth - 1);
	if (json->flat == json->depth)
		json->flat = 0;
	json->depth--;
	put_bytes(json, &bracket, 1);
}

void json_text(struct json *json, const char *key, const char *value)
{
	value_begin(json, key);
	if (value)
		put_quoted(json, value);
	else
		put(json, "null");
}

void json_int(struct json *json, const char *key, int64_t value)
{
	char digits[24];
	snprintf(digits, sizeof(digits), "%" PRId64, value);
	json_raw(json, key, digits);
}

void json_bool(struct json *json, const char *key, bool value)
{
	json_raw(json, key, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
	json_raw(json, key, "null");
}

void json_raw(struct json *json, const char *key, const char *text)
{
	value_begin(json, key);
	put(json, text);
}

void json_end(struct json *json)
{
	put(json, "\n");
}
