/* Diagnostics come in any order and leave sorted by place, in one of three forms: for people with an excerpt
 * of the line and a caret, as JSON, and as workflow annotations. What a diagnostic says is copied and escaped
 * when it comes in, so that no form has to distrust it again; excerpts and file names are escaped as they go
 * out. */
#include "base/report.h"
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
	MESSAGE_LONGEST = 2000, /* bytes of a message or hint */
	EXCERPT_WIDTH = 100,    /* characters of a line that are shown */
	EXCERPT_BEFORE = 40,    /* of them before the mark when the line is longer */
	TAB_STOP = 8,
};

struct report {
	struct arena *arena;
	struct list kept; /* arenas */
	size_t count;
	size_t counts[SEVERITY_NOTE + 1]; /* with those that were not kept */
	size_t left_out;
	struct diagnostic all[REPORT_LIMIT]; /* sorted */
};

static const char *const severity_names[] = {"error", "warning", "note"};
static const char *const severity_colors[] = {"\033[1;31m", "\033[1;35m", "\033[1;36m"};
static const char *const severity_commands[] = {"error", "warning", "notice"};

struct report *report_new(void)
{
	struct report *report = calloc(1, sizeof(*report));
	if (!report)
		memory_ended();
	report->arena = arena_new();
	return report;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (uint32_t i = 0; i < report->kept.count; i++)
		arena_free(report->kept.item[i]);
	arena_free(report->arena);
	free(report);
}

void report_keep(struct report *report, struct arena *arena)
{
	list_add(report->arena, &report->kept, arena);
}

static int mark_compare(const struct mark *a, const struct mark *b)
{
	if (!a->file || !b->file)
		return (a->file == NULL) - (b->file == NULL);
	int order = strcmp(a->file->name, b->file->name);
	if (order)
		return order;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return (a->column > b->column) - (a->column < b->column);
}

static const char *copy_escaped(struct arena *arena, const char *text)
{
	if (!text)
		return NULL;
	BUFFER_SCOPED safe = {0};
	buffer_escaped(&safe, text, strlen(text), MESSAGE_LONGEST);
	return arena_copy(arena, buffer_string(&safe), safe.size);
}

bool report_add(struct report *report, enum severity severity, const struct mark *mark, const char *object,
	const char *hint, const char *format, ...)
{
	report->counts[severity]++;
	if (report->count == REPORT_LIMIT) {
		report->left_out++;
		return false;
	}
	char message[MESSAGE_LONGEST + 8];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);

	struct diagnostic diagnostic = {
		.severity = severity,
		.mark = mark ? *mark : (struct mark){0},
		.object = copy_escaped(report->arena, object),
		.message = copy_escaped(report->arena, message),
		.hint = copy_escaped(report->arena, hint),
	};
	size_t low = 0, high = report->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (mark_compare(&report->all[middle].mark, &diagnostic.mark) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(&report->all[low + 1], &report->all[low], sizeof(diagnostic) * (report->count - low));
	report->all[low] = diagnostic;
	report->count++;
	return false;
}

size_t report_count(const struct report *report, enum severity severity)
{
	return report->counts[severity];
}

size_t report_all(struct report *report, const struct diagnostic **first)
{
	*first = report->all;
	return report->count;
}

const char *mark_text(struct arena *arena, const struct mark *mark)
{
	if (!mark->file)
		return NULL;
	if (!mark->line)
		return arena_text(arena, mark->file->name);
	if (!mark->column)
		return arena_format(arena, "%s:%u", mark->file->name, mark->line);
	return arena_format(arena, "%s:%u:%u", mark->file->name, mark->line, mark->column);
}

/* Bytes of the line break at `bytes`, 0 if there is none: those of YAML 1.1, because the parser counts lines
 * by them. */
static size_t break_length(const char *bytes, size_t size)
{
	if (size >= 2 && memcmp(bytes, "\r\n", 2) == 0)
		return 2;
	if (size && (*bytes == '\n' || *bytes == '\r'))
		return 1;
	if (size >= 2 && memcmp(bytes, "\xc2\x85", 2) == 0)
		return 2;
	if (size >= 3 && (memcmp(bytes, "\xe2\x80\xa8", 3) == 0 || memcmp(bytes, "\xe2\x80\xa9", 3) == 0))
		return 3;
	return 0;
}

/* The line with that number, without its break. False where the file's text is not known or is shorter. */
static bool line_find(const struct text_file *file, uint32_t number, const char **line, size_t *size)
{
	if (!file || !file->text || !number)
		return false;
	const char *end = file->text + file->size, *at = file->text;
	if (file->size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	while (--number) {
		size_t length = 0;
		while (at < end && !(length = break_length(at, (size_t)(end - at))))
			at++;
		if (!length)
			return false;
		at += length;
	}
	*line = at;
	while (at < end && !break_length(at, (size_t)(end - at)))
		at++;
	*size = (size_t)(at - *line);
	return true;
}

/* Bytes of the YAML token that starts at `bytes`: a quoted text, a bracket, or a plain word. */
static size_t token_length(const char *bytes, size_t size)
{
	if (!size)
		return 0;
	char first = bytes[0];
	if (strchr("[]{},", first))
		return 1;
	if (first == '"' || first == '\'') {
		for (size_t at = 1; at < size; at++) {
			if (first == '"' && bytes[at] == '\\')
				at++;
			else if (bytes[at] == first)
				return at + 1;
		}
		return size;
	}
	size_t at = 0;
	for (; at < size; at++) {
		int next = at + 1 < size ? bytes[at + 1] : ' ';
		if (strchr(" \t]}", bytes[at]))
			break;
		if ((bytes[at] == ':' || bytes[at] == ',') && (next == ' ' || next == '\t'))
			break;
	}
	return at;
}

/* Appends the character at `bytes` as a terminal may show it; *cell moves by the columns it takes there.
 * Returns its bytes. */
static size_t excerpt_character(struct buffer *out, const char *bytes, size_t size, size_t *cell)
{
	uint32_t code;
	size_t length = text_character(bytes, size, &code);
	if (length && code == '\t') {
		size_t width = TAB_STOP - *cell % TAB_STOP;
		buffer_format(out, "%*s", (int)width, "");
		*cell += width;
	} else if (length && text_visible(code)) {
		int width = wcwidth((wchar_t)code);
		buffer_bytes(out, bytes, length);
		*cell += width < 0 ? 1 : (size_t)width;
	} else {
		size_t before = out->size;
		buffer_escaped(out, bytes, length ? length : 1, SIZE_MAX);
		*cell += out->size - before;
	}
	return length ? length : 1;
}

static size_t character_count(const char *bytes, size_t size)
{
	size_t count = 0;
	for (size_t at = 0; at < size; count++) {
		uint32_t code;
		size_t length = text_character(bytes + at, size - at, &code);
		at += length ? length : 1;
	}
	return count;
}

/* The line of the mark and, where there is a column or a hint, a second line with caret and hint. */
static void excerpt_print(
	const struct diagnostic *diagnostic, const char *line, size_t size, FILE *out, bool color)
{
	size_t count = character_count(line, size);
	size_t column = diagnostic->mark.column;
	if (column > count)
		column = count + 1;
	size_t first = 1, last = count;
	if (count > EXCERPT_WIDTH) {
		if (column > EXCERPT_BEFORE)
			first = column - EXCERPT_BEFORE;
		if (last > first + EXCERPT_WIDTH - 1)
			last = first + EXCERPT_WIDTH - 1;
	}

	BUFFER_SCOPED shown = {0};
	BUFFER_SCOPED skipped = {0};
	size_t cell = 0, caret = 0, caret_end = 0, token_end = SIZE_MAX, at = 0, ignored = 0;
	for (size_t i = 1; i < first; i++) {
		at += excerpt_character(&skipped, line + at, size - at, &ignored);
		skipped.size = 0;
	}
	if (first > 1) {
		buffer_text(&shown, "...");
		cell = 3;
	}
	for (size_t i = first; i <= last; i++) {
		if (i == column) {
			caret = cell;
			token_end = at + token_length(line + at, size - at);
		}
		at += excerpt_character(&shown, line + at, size - at, &cell);
		if (at <= token_end)
			caret_end = cell;
	}
	if (token_end == SIZE_MAX)
		caret = caret_end = cell;
	if (last < count)
		buffer_text(&shown, "...");

	int margin = fprintf(out, "%4u", diagnostic->mark.line);
	fprintf(out, " |%s%s\n", shown.size ? " " : "", buffer_string(&shown));
	if (!column && !diagnostic->hint)
		return;
	fprintf(out, "%*s |", margin, "");
	if (column) {
		fprintf(out, " %*s%s^", (int)caret, "", color ? "\033[1;32m" : "");
		for (size_t i = caret + 1; i < caret_end; i++)
			fputc('~', out);
		fputs(color ? "\033[0m" : "", out);
	}
	if (diagnostic->hint)
		fprintf(out, " %s", diagnostic->hint);
	fputc('\n', out);
}

static void diagnostic_print(const struct diagnostic *diagnostic, FILE *out, bool color)
{
	ARENA_SCOPED arena = arena_new();
	const char *bold = color ? "\033[1m" : "", *plain = color ? "\033[0m" : "";
	const char *place = copy_escaped(arena, mark_text(arena, &diagnostic->mark));
	if (place)
		fprintf(out, "%s%s:%s ", bold, place, plain);
	fprintf(out, "%s%s:%s ", color ? severity_colors[diagnostic->severity] : "",
		severity_names[diagnostic->severity], plain);
	if (!place && diagnostic->object)
		fprintf(out, "%s: ", diagnostic->object);
	fprintf(out, "%s\n", diagnostic->message);

	const char *line;
	size_t size;
	if (line_find(diagnostic->mark.file, diagnostic->mark.line, &line, &size))
		excerpt_print(diagnostic, line, size, out, color);
	else if (diagnostic->hint)
		fprintf(out, "    hint: %s\n", diagnostic->hint);
}

/* True if some were left out; `last` then says how many. */
static bool report_left_out(const struct report *report, char *last, size_t room)
{
	snprintf(last, room, "%zu more diagnostics are not shown", report->left_out);
	return report->left_out > 0;
}

void report_text(struct report *report, FILE *out, bool color)
{
	/* widths of characters are a matter of the locale; the program's own need not know UTF-8 */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	locale_t before = utf8 ? uselocale(utf8) : NULL;
	for (size_t i = 0; i < report->count; i++)
		diagnostic_print(&report->all[i], out, color);
	char last[64];
	if (report_left_out(report, last, sizeof(last))) {
		struct diagnostic diagnostic = {.severity = SEVERITY_NOTE, .message = last};
		diagnostic_print(&diagnostic, out, color);
	}
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
}

static void diagnostic_json(const struct diagnostic *diagnostic, struct json *json)
{
	ARENA_SCOPED arena = arena_new();
	json_open_flat_object(json, NULL);
	json_text(json, "severity", severity_names[diagnostic->severity]);
	json_text(json, "at", mark_text(arena, &diagnostic->mark));
	json_text(json, "object", diagnostic->object);
	json_text(json, "message", diagnostic->message);
	json_text(json, "hint", diagnostic->hint);
	json_close(json, '}');
}

void report_json(struct report *report, struct json *json)
{
	json_open_array(json, NULL);
	for (size_t i = 0; i < report->count; i++)
		diagnostic_json(&report->all[i], json);
	char last[64];
	if (report_left_out(report, last, sizeof(last)))
		diagnostic_json(&(struct diagnostic){.severity = SEVERITY_NOTE, .message = last}, json);
	json_close(json, ']');
}

/* Text inside a workflow command; a property must also be free of the characters that separate properties. */
static void github_escape(FILE *out, const char *text, bool property)
{
	for (; *text; text++) {
		if (*text == '%' || *text == '\r' || *text == '\n' ||
			(property && (*text == ':' || *text == ',')))
			fprintf(out, "%%%02X", (unsigned)*text);
		else
			fputc(*text, out);
	}
}

static void diagnostic_github(const struct diagnostic *diagnostic, FILE *out)
{
	const struct mark *mark = &diagnostic->mark;
	const char *separator = " ";
	fprintf(out, "::%s", severity_commands[diagnostic->severity]);
	if (mark->file) {
		fputs(" file=", out);
		github_escape(out, mark->file->name, true);
		if (mark->line)
			fprintf(out, ",line=%u", mark->line);
		if (mark->line && mark->column)
			fprintf(out, ",col=%u", mark->column);
		separator = ",";
	}
	if (diagnostic->object) {
		fprintf(out, "%stitle=", separator);
		github_escape(out, diagnostic->object, true);
	}
	fputs("::", out);
	github_escape(out, diagnostic->message, false);
	if (diagnostic->hint) {
		fputs(" (", out);
		github_escape(out, diagnostic->hint, false);
		fputs(")", out);
	}
	fputc('\n', out);
}

void report_github(struct report *report, FILE *out)
{
	for (size_t i = 0; i < report->count; i++)
		diagnostic_github(&report->all[i], out);
	char last[64];
	if (report_left_out(report, last, sizeof(last)))
		diagnostic_github(&(struct diagnostic){.severity = SEVERITY_NOTE, .message = last}, out);
}
