/* `xl list -v`, read from the right: a name may hold spaces, everything behind it may not. What arrives is
 * the text of the program; what leaves is a list of domains. A text that is cut off or of another shape is
 * refused whole, because a missing line would read as a missing domain.
 *
 *   NAME  ID  MEM  VCPUS  STATE  TIME  UUID  REASON  LABEL
 */
#include "host/xen/xl_list.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 8, NAME_LIMIT = 1024 };
enum column { LABEL, REASON, UUID, TIME, STATE, VCPUS, MEMORY, ID };
enum letter { LETTER_RUNS, LETTER_BLOCKED, LETTER_PAUSED, LETTER_SHUT, LETTER_REASON, LETTER_DYING, LETTERS };

static bool is_uuid(const char *text)
{
	for (int i = 0; i < UID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : !text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return !text[UID_SIZE - 1];
}

static bool is_state(const char *text)
{
	static const char *const allowed[LETTERS] = {"r-", "b-", "p-", "s-", "rscwS-", "d-"};
	for (int i = 0; i < LETTERS; i++)
		if (!text[i] || !strchr(allowed[i], text[i]))
			return false;
	return !text[LETTERS];
}

bool xl_number(const char *text, int64_t *value)
{
	char *end;
	errno = 0;
	*value = strtoll(text, &end, 10);
	return end != text && !*end && !errno && *value >= 0;
}

bool xl_columns(char *line, char **column, int count)
{
	char *end = line + strlen(line);
	for (int i = 0; i < count; i++) {
		while (end > line && strchr(" \t", end[-1]))
			end--;
		*end = '\0';
		while (end > line && !strchr(" \t", end[-1]))
			end--;
		if (end == line)
			return false;
		column[i] = end;
	}
	while (end > line && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	return true;
}

/* A domain that is both paused and shut down is one that libxl is taking away; it stays Stopped, because
 * somebody may as well have paused it after its end. */
static void judge(struct listed *listed, const char *state)
{
	static const char letters[] = "rscwS";
	static const int reasons[] = {
		ended_reboot, ended_suspend, ended_crash, ended_watchdog, ended_soft_reset};
	listed->ended = -1;
	if (state[LETTER_SHUT] == 's') {
		const char *letter = strchr(letters, state[LETTER_REASON]);
		listed->ended = letter ? reasons[letter - letters] : ended_poweroff;
	}
	if (state[LETTER_DYING] == 'd')
		listed->power = found_power_Dying;
	else if (state[LETTER_SHUT] == 's')
		listed->power = found_power_Stopped;
	else if (state[LETTER_PAUSED] == 'p')
		listed->power = found_power_Paused;
	else
		listed->power = found_power_Running;
}

static bool line_parse(struct arena *arena, const char *line, size_t size, struct list *out)
{
	char *copy = arena_copy(arena, line, size), *column[COLUMNS];
	if (!xl_columns(copy, column, COLUMNS))
		return false;
	struct listed listed = {0};
	if (!xl_number(column[ID], &listed.domid) || !xl_number(column[MEMORY], &listed.memory) ||
		!xl_number(column[VCPUS], &listed.vcpus) || !is_state(column[STATE]) ||
		!is_uuid(column[UUID]))
		return false;
	judge(&listed, column[STATE]);
	memcpy(listed.uuid, column[UUID], UID_SIZE);
	if (*copy && strcmp(copy, "(null)") != 0)
		listed.name = strlen(copy) > NAME_LIMIT ? arena_copy(arena, copy, NAME_LIMIT) : copy;
	if (listed.domid > 0) {
		struct listed *item = arena_make(arena, struct listed);
		*item = listed;
		list_add(arena, out, item);
	}
	return true;
}

bool xl_list_parse(struct arena *arena, const char *text, struct list *out, const char **error)
{
	*out = (struct list){0};
	const char *end = strchr(text, '\n');
	if (!text_starts(text, "Name ") || !end) {
		*error = "xl list -v printed no table";
		return false;
	}
	uint32_t lines = 0;
	for (const char *line = end + 1; *line; line = end + 1, lines++) {
		end = strchr(line, '\n');
		if (!end || !line_parse(arena, line, (size_t)(end - line), out)) {
			BUFFER_SCOPED message = {0};
			buffer_text(&message, "xl list -v printed a line that is no domain: ");
			buffer_escaped(&message, line, end ? (size_t)(end - line) : strlen(line), 120);
			*error = arena_text(arena, buffer_string(&message));
			return false;
		}
	}
	/* dom0 is always there: an empty table is a broken one */
	if (!lines)
		*error = "xl list -v printed an empty table";
	return lines > 0;
}

const struct listed *xl_list_find(const struct list *list, const char *uuid, unsigned *same)
{
	const struct listed *found = NULL;
	*same = 0;
	for (uint32_t i = 0; i < list->count; i++) {
		const struct listed *listed = list->item[i];
		if (strcmp(listed->uuid, uuid) != 0)
			continue;
		(*same)++;
		if (!found)
			found = listed;
	}
	return found;
}

const struct listed *xl_list_named(const struct list *list, const char *name)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct listed *listed = list->item[i];
		if (text_equal(listed->name, name))
			return listed;
	}
	return NULL;
}
