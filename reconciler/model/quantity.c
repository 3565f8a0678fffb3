/* Sizes and durations: what arrives is the text of a manifest, what leaves is bytes or seconds, and back.
 * Nothing is rounded here; overflow is refused, never wrapped. */
#include "model/quantity.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* docs/manifests.md: Ki and KiB are binary, kB is decimal; a bare number is none. */
static const struct unit sizes[] = {
	{"KiB", KiB},
	{"MiB", MiB},
	{"GiB", GiB},
	{"TiB", TiB},
	{"Ki", KiB},
	{"Mi", MiB},
	{"Gi", GiB},
	{"Ti", TiB},
	{"kB", 1000},
	{"MB", 1000000},
	{"GB", 1000000000},
	{"TB", 1000000000000},
	{"B", 1},
};
static const struct unit durations[] = {{"s", 1}, {"m", 60}, {"h", 3600}};

static bool number_and_unit(const char *text, const struct unit *units, size_t count, int64_t *out)
{
	if (text[0] < '0' || text[0] > '9')
		return false;
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(end, units[i].name) == 0)
			return !__builtin_mul_overflow(number, units[i].factor, out);
	return false;
}

static bool all_digits(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

bool size_parse(const char *text, int64_t *bytes, const char **expected)
{
	if (number_and_unit(text, sizes, sizeof sizes / sizeof *sizes, bytes))
		return true;
	*expected = all_digits(text)
			    ? "a size with its unit, such as 512MiB or 10GiB: a bare number could mean any"
			    : "a size such as 512MiB or 10GiB (units KiB MiB GiB TiB, or kB MB GB TB)";
	return false;
}

bool duration_parse(const char *text, int64_t *seconds, const char **expected)
{
	if (number_and_unit(text, durations, sizeof durations / sizeof *durations, seconds))
		return true;
	*expected = all_digits(text) ? "a duration with its unit, such as 90s or 10m"
				     : "a duration such as 90s, 10m or 1h";
	return false;
}

const char *size_text(int64_t bytes, char out[32])
{
	static const struct unit units[] = {{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (bytes && bytes % units[i].factor == 0) {
			snprintf(out, 32, "%" PRId64 "%s", bytes / units[i].factor, units[i].name);
			return out;
		}
	snprintf(out, 32, "%" PRId64 "B", bytes);
	return out;
}

const char *duration_text(int64_t seconds, char out[32])
{
	const struct unit *unit = &durations[0];
	if (seconds && seconds % 3600 == 0)
		unit = &durations[2];
	else if (seconds && seconds % 60 == 0)
		unit = &durations[1];
	snprintf(out, 32, "%" PRId64 "%s", seconds / unit->factor, unit->name);
	return out;
}
