/* Two tables of xl, read from the right like `xl list -v`, because a name may hold spaces:
 *
 *   NAME  ID  VCPU  CPU  STATE  TIME  HARD  /  SOFT          xl vcpu-list
 *   NAME  ID  WEIGHT  CAP                                    xl sched-credit2
 */
#include "host/xen/xl_cpus.h"
#include "host/xen/xl_list.h"
#include "model/cpus.h"
#include <string.h>

enum { VCPU_COLUMNS = 8, SHARE_COLUMNS = 3 };
enum vcpu_column { SOFT, SLASH, HARD, TIME, STATE, CPU, VCPU, ID };
enum share_column { CAP, WEIGHT, SHARE_ID };

static bool is_set_of_cpus(const char *text)
{
	return strcmp(text, "all") == 0 || (*text && !text[strspn(text, "0123456789,-")]);
}

static void add_vcpu(struct arena *arena, struct list *out, int64_t domid, const char *cpus)
{
	struct affinity *last = out->count ? out->item[out->count - 1] : NULL;
	if (last && last->domid == domid) {
		if (strcmp(last->cpus, cpus) != 0)
			last->cpus = "various";
		return;
	}
	struct affinity *affinity = arena_make(arena, struct affinity);
	*affinity = (struct affinity){.domid = domid, .cpus = cpus};
	list_add(arena, out, affinity);
}

bool xl_affinities(struct arena *arena, const char *text, struct list *out)
{
	char *rest = arena_text(arena, text);
	const char *head = strsep(&rest, "\n");
	*out = (struct list){0};
	if (!text_starts(head, "Name "))
		return false;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *column[VCPU_COLUMNS];
		int64_t domid;
		if (!*line)
			continue;
		if (!xl_columns(line, column, VCPU_COLUMNS) || !xl_number(column[ID], &domid) ||
			strcmp(column[SLASH], "/") != 0 || !is_set_of_cpus(column[HARD]))
			return false;
		const char *cpus = cpus_canonical(arena, column[HARD]);
		if (!cpus)
			return false;
		add_vcpu(arena, out, domid, cpus);
	}
	return true;
}

const char *xl_affinity(const struct list *affinities, int64_t domid)
{
	for (uint32_t i = 0; i < affinities->count; i++) {
		const struct affinity *affinity = affinities->item[i];
		if (affinity->domid == domid)
			return affinity->cpus;
	}
	return NULL;
}

bool xl_share(struct arena *arena, const char *text, int64_t domid, int64_t *weight, int64_t *cap)
{
	char *rest = arena_text(arena, text);
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *column[SHARE_COLUMNS];
		int64_t id;
		if (xl_columns(line, column, SHARE_COLUMNS) && xl_number(column[SHARE_ID], &id) &&
			id == domid && xl_number(column[WEIGHT], weight) && xl_number(column[CAP], cap))
			return true;
	}
	return false;
}
