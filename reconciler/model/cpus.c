/* A set of cpus from its text and back, so that 5,2-4 and 2-5 compare equal. The text has passed the format
 * `cpus`; as in xl, what follows a ^ is taken out again, whatever the order. */
#include "model/cpus.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

enum { CPUS = 10000 }; /* the format takes four digits */

/* The cpus that a canonical text names, among the first `cpus`; false where it is none of ours. */
static bool read_set(bool set[CPUS], const char *text, int64_t cpus)
{
	const bool all = strcmp(text, "all") == 0;
	for (int64_t cpu = 0; all && cpu < cpus; cpu++)
		set[cpu] = true;
	for (const char *at = text; !all; at++) {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;
		if (end == at)
			return false;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long cpu = first; cpu <= last && cpu < (unsigned long)cpus; cpu++)
			set[cpu] = true;
		at = end;
		if (*at != ',')
			return !*at;
	}
	return true;
}

static int64_t bounded(int64_t cpus)
{
	return cpus < CPUS ? cpus : CPUS;
}

bool cpus_equal(const char *one, const char *other, int64_t cpus)
{
	bool first[CPUS] = {false}, second[CPUS] = {false};
	if (!one || !other || cpus <= 0)
		return text_equal(one, other);
	return read_set(first, one, bounded(cpus)) && read_set(second, other, bounded(cpus)) &&
	       memcmp(first, second, sizeof(first)) == 0;
}

bool cpus_any(const char *text, int64_t cpus)
{
	bool set[CPUS] = {false};
	return !read_set(set, text, bounded(cpus)) || memchr(set, 1, sizeof(set)) != NULL;
}

const char *cpus_canonical(struct arena *arena, const char *text)
{
	if (strcmp(text, "all") == 0)
		return arena_text(arena, text);
	bool in[CPUS] = {false}, out[CPUS] = {false};
	for (const char *at = text;; at++) {
		bool *set = *at == '^' ? out : in;
		char *end;
		at += *at == '^';
		unsigned long first = strtoul(at, &end, 10), last = first;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= CPUS)
			return NULL;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			set[cpu] = true;
		at = end;
		if (!*at)
			break;
	}
	BUFFER_SCOPED list = {0};
	for (int cpu = 0; cpu < CPUS; cpu++) {
		if (!in[cpu] || out[cpu])
			continue;
		int last = cpu;
		while (last + 1 < CPUS && in[last + 1] && !out[last + 1])
			last++;
		buffer_format(&list, last > cpu ? "%s%d-%d" : "%s%d", list.size ? "," : "", cpu, last);
		cpu = last;
	}
	return list.size ? arena_copy(arena, list.text, list.size) : NULL;
}
