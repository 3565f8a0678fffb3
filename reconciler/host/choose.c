/* The word after --host, made a driver and what it is to work on. */
#include "host/host.h"
#include <string.h>
#include <unistd.h>

static const char choices[] = "xen, sim:DIR or snapshot:FILE";

const struct host_driver *host_choose(const char *given, const char **target, struct report *report)
{
	*target = NULL;
	if (!given) {
		if (access("/proc/xen", F_OK) == 0)
			return &host_xen;
		report_error(report, NULL, NULL,
			"say --host sim:DIR to work on a simulated one, or --host snapshot:FILE",
			"this is no Xen host: there is no /proc/xen");
		return NULL;
	}
	if (strcmp(given, "xen") == 0)
		return &host_xen;

	static const struct host_driver *const with_target[] = {&host_sim, &host_snapshot};
	for (size_t i = 0; i < sizeof(with_target) / sizeof(*with_target); i++) {
		size_t length = strlen(with_target[i]->name);
		if (!text_starts(given, with_target[i]->name) || (given[length] && given[length] != ':'))
			continue;
		if (given[length] == ':' && given[length + 1]) {
			*target = given + length + 1;
			return with_target[i];
		}
		report_error(report, NULL, NULL, NULL, "host '%s' needs a path: %s", given, choices);
		return NULL;
	}
	static const char *const words[] = {"xen", "sim", "snapshot"};
	const char *nearest = text_nearest(given, words, sizeof(words) / sizeof(*words));
	char hint[64] = "";
	if (nearest)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", nearest);
	report_error(
		report, NULL, NULL, nearest ? hint : NULL, "unknown host '%s', expected %s", given, choices);
	return NULL;
}
