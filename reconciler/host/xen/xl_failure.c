/* Why xl failed, in one line. xl tells the cause first and then, at length, how it cleaned up after itself;
 * only the cause is kept. */
#include "host/xen/xen.h"
#include <string.h>

static bool is_noise(const char *line)
{
	static const char *const noise[] = {"Parsing config from", "libxl__destroy_domid",
		"domain_destroy_callback", "domain_destroy_cb", "libxl_report_child_exitstatus",
		"Shutting down domain"};
	for (size_t i = 0; i < sizeof(noise) / sizeof(*noise); i++)
		if (strstr(line, noise[i]))
			return true;
	return false;
}

/* "libxl: error: libxl_create.c:1318:initiate_domain_create: Domain 14:Unable" -> "Domain 14:Unable" */
static const char *without_place(const char *line)
{
	const char *at = strstr(line, "error: libxl");
	if (!at)
		return line;
	for (int colons = 0; colons < 3; at++) {
		if (!*at)
			return line;
		colons += *at == ':' && at[1] != ' ';
		if (*at == ':' && at[1] == ' ' && colons == 2)
			colons = 3;
	}
	return at + strspn(at, " ");
}

/* What xl says, what it means. Whatever is not listed may go away by itself. */
const char *xl_hint(const struct run_result *result)
{
	static const struct {
		const char *said, *hint;
	} lasting[] = {
		{"config parsing error", "a key of spec.xl has a value that xl does not take"},
		{"Could not find bridge", "make the bridge, or correct spec.nics"},
		{"failed to stat", "the file of a disk is missing"},
		{"failed to open file", "boot.kernel or boot.ramdisk is missing"},
		{"kernel too large", "spec.memory is too small for this kernel"},
		{"already exists in xenstore", NULL},
		{"already exists", "another domain has this name: see `xl list -v`"},
		{"device model required", "a qcow2 needs a QEMU, which this guest gets by a restart"},
		{"affinity map is empty", "the host has none of these cpus"},
	};
	for (size_t i = 0; i < sizeof(lasting) / sizeof(*lasting); i++)
		if (strstr(result->errors, lasting[i].said))
			return lasting[i].hint;
	return NULL;
}

char *xl_failure(struct arena *arena, const char *const *argv, const struct run_result *result)
{
	BUFFER_SCOPED kept = {0};
	char *lines = arena_text(arena, result->errors), *rest = lines;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line && !is_noise(line))
			buffer_format(&kept, "%s\n", without_place(line));
	struct run_result shown = *result;
	shown.errors = arena_text(arena, buffer_string(&kept));
	return run_failure(arena, argv, &shown);
}
