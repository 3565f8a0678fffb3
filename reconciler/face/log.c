/* In come lines and diagnostics, out they go to standard error in the form that the command line asks for.
 * Diagnostics in JSON keep the keys that they have in results (docs/cli.md), with a time and a level before
 * them. */
#include "face/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_name[] = {"error", "warning", "info", "debug"};

bool log_wants(const struct options *options, enum log_level level)
{
	if (options->quiet)
		return level <= LOG_WARNING;
	return options->verbose || level <= LOG_INFO;
}

bool log_color(const struct options *options, FILE *stream)
{
	const char *refused = getenv("NO_COLOR");

	if (options->color != COLOR_AUTO)
		return options->color == COLOR_ALWAYS;
	return !(refused && *refused) && isatty(fileno(stream));
}

static void now_text(char text[32])
{
	time_t now = time(NULL);
	struct tm utc;

	*text = '\0';
	if (gmtime_r(&now, &utc))
		strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void log_stamp(const struct options *options)
{
	char text[32];

	if (!options->stamped)
		return;
	now_text(text);
	fprintf(stderr, "%s ", text);
}

struct json log_json_begin(enum log_level level)
{
	struct json json = json_to_file(stderr, false);
	char text[32];

	now_text(text);
	json_open_object(&json, NULL);
	json_text(&json, "time", text);
	json_text(&json, "level", level_name[level]);
	return json;
}

void log_json_end(struct json *json)
{
	json_close(json, '}');
	json_end(json);
}

void log_line(const struct options *options, enum log_level level, const char *format, ...)
{
	BUFFER_SCOPED line = {0};
	char text[2048];
	int error = errno;
	va_list arguments;

	if (!log_wants(options, level))
		return;
	va_start(arguments, format);
	errno = error;
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	buffer_escaped(&line, text, strlen(text), sizeof text);
	if (options->log_format == LOG_JSON) {
		struct json json = log_json_begin(level);

		json_text(&json, "message", buffer_string(&line));
		log_json_end(&json);
	} else if (level <= LOG_WARNING) {
		log_stamp(options);
		fprintf(stderr, "%s: %s\n", level_name[level], buffer_string(&line));
	} else {
		log_stamp(options);
		fprintf(stderr, "%s\n", buffer_string(&line));
	}
}

void log_report(const struct options *options, struct report *report)
{
	static const enum log_level levels[] = {
		[SEVERITY_ERROR] = LOG_ERROR, [SEVERITY_WARNING] = LOG_WARNING, [SEVERITY_NOTE] = LOG_INFO};
	const struct diagnostic *diagnostics;
	size_t count = report_all(report, &diagnostics);

	if (options->log_format == LOG_TEXT) {
		report_text(report, stderr, log_color(options, stderr));
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct diagnostic *diagnostic = &diagnostics[i];
		ARENA_SCOPED arena = arena_new();
		struct json json;

		if (!log_wants(options, levels[diagnostic->severity]))
			continue;
		json = log_json_begin(levels[diagnostic->severity]);
		json_text(&json, "at", mark_text(arena, &diagnostic->mark));
		json_text(&json, "object", diagnostic->object);
		json_text(&json, "message", diagnostic->message);
		json_text(&json, "hint", diagnostic->hint);
		log_json_end(&json);
	}
}
