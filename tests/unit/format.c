/* The checks of model/format.c against the patterns of schema/formats.def: both must say the same of every
 * text, because one judges manifests and the other is what editors judge by. The patterns are ECMA 262,
 * regcomp takes POSIX: a leading
 * (?=...) is tested as a pattern of its own. */
#include "model/format.h"
#include <criterion/criterion.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_match(const char *pattern, const char *text)
{
	regex_t regex;
	cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0, "%s", pattern);
	bool found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

/* What the pattern says. */
static bool is_of_pattern(const struct format *format, const char *text)
{
	const char *pattern = format->pattern;
	if (strcmp(format->name, "line") == 0)
		return is_match("^[^\001-\037\177]*$", text);
	if (strncmp(pattern, "^(?=", 4) == 0) {
		const char *end = strchr(pattern, ')');
		char ahead[100], rest[200];
		snprintf(ahead, sizeof(ahead), "^%.*s", (int)(end - pattern - 4), pattern + 4);
		snprintf(rest, sizeof(rest), "^%s", end + 1);
		return is_match(ahead, text) && is_match(rest, text);
	}
	return is_match(pattern, text);
}

static const char *const seeds[] = {"", "a", "web-1", "Web_1", "77", "-a", "a-", "a.b", "xvda", "xvdaa12",
	"xvda0", "xvda123", "hda", "hdaa", "sdab9", "sda", "xenbr0", "eth0", "0eth", "00:16:3e:00:00:10",
	"01:16:3e:00:00:10", "00:16:3E:0a:0B:10", "00:16:3e", "00:16:3e:", "10.0.0.1/24", "10.0.0.1/",
	"fe80::1", "::/0000", "2-5,7", "all", "^3,4", "12345", "2-", "2-5-7", ",", "/boot/vmlinuz", "~root",
	"a~", "/my kernel", "pygrub", "nested", "_a", "nestedhvm", "0000:01:00.0", "01:00.7", "01:20.0",
	"01:00.8", "nbd://host/export", "local:///a", "local:///srv/a", "local://srv/a", "hdfs:///a/b",
	"hdfs://name.node:8020/a/b/c", "hdfs://n:/a/b", "hdfs://n_1/a/b", "hdfs://n:123456/a/b",
	"local:///a//b", "local:///a/b%s", "hdfs:///a/b/", "Nbd:x", "a+1:", "2026-01-31T12:00:00Z",
	"2026-01-31T12:00:00", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B810-9dad-11d1-80b4-00c04fd430c8",
	"vg0", "+vg", ".x", "a\tb", "a\177b",
	"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"};

static void agree(const struct format *format, const char *text)
{
	cr_expect_eq(format->is(text), is_of_pattern(format, text), "%s of '%s': the check says %d",
		format->name, text, format->is(text));
}

Test(format, checks_and_patterns_agree_on_texts_of_all_formats)
{
	for (size_t i = 0; i < format_count; i++)
		for (size_t j = 0; j < sizeof(seeds) / sizeof(*seeds); j++)
			agree(formats[i], seeds[j]);
}

Test(format, checks_and_patterns_agree_on_changed_texts)
{
	static const char characters[] = "aAfFgz09-_.:/,^~+@%= xT";
	srand(1);
	for (size_t i = 0; i < format_count; i++)
		for (int round = 0; round < 300; round++) {
			char text[80];
			snprintf(text, sizeof(text), "%s",
				seeds[(size_t)rand() % (sizeof(seeds) / sizeof(*seeds))]);
			size_t length = strlen(text);
			if (length)
				text[(size_t)rand() % length] =
					characters[(size_t)rand() % (sizeof(characters) - 1)];
			agree(formats[i], text);
		}
}

Test(format, lengths_end_where_the_patterns_end)
{
	static const size_t lengths[] = {1, 15, 16, 45, 46, 63, 64, 255, 256, 1023, 1024};
	for (size_t i = 0; i < format_count; i++)
		for (size_t j = 0; j < sizeof(lengths) / sizeof(*lengths); j++) {
			char text[1100];
			memset(text, 'a', lengths[j]);
			text[lengths[j]] = '\0';
			agree(formats[i], text);
		}
}
