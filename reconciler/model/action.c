/* The verb table out of schema/action.def, and links: volumes by uid with what their topmost layer gives. */
#include "model/action.h"
#include <string.h>

#define HOST PERFORMER_HOST
#define STORAGE PERFORMER_STORAGE
#define REVERSIBLE .reversible = true
#define RECORDS .records = true
#define FORGETS .forgets = true
#define WAITS .reversible = true, .waits = true
#define PLAIN .reversible = false
const struct verb_row verb_table[VERBS] = {
	[verb_none] = {.verb = "none", .wording = "nothing"},
#define ACTION(identifier, name, by, at, effect, seconds, words, ...)                                        \
	[verb_##identifier] = {.verb = (name),                                                               \
		.wording = (words),                                                                          \
		.performer = (by),                                                                           \
		.stage = STAGE_##at,                                                                         \
		.blast = level_##effect,                                                                     \
		.deadline = (seconds),                                                                       \
		__VA_ARGS__},
#include "schema/action.def"
#undef ACTION
};

enum verb verb_find(const char *verb)
{
	for (int i = 1; i < VERBS; i++)
		if (strcmp(verb_table[i].verb, verb) == 0)
			return (enum verb)i;
	return verb_none;
}

const struct link *links_find(const struct links *links, const char *uid)
{
	for (uint32_t i = 0; i < links->count; i++)
		if (strcmp(links->item[i].uid, uid) == 0)
			return &links->item[i].link;
	return NULL;
}

void links_set(struct links *links, const char *uid, const struct link *link)
{
	struct link copy = *link;
	copy.path = arena_text(links->arena, link->path);
	copy.place = arena_text(links->arena, link->place);
	copy.id = arena_text(links->arena, link->id);
	for (uint32_t i = 0; i < links->count; i++)
		if (strcmp(links->item[i].uid, uid) == 0) {
			links->item[i].link = copy;
			return;
		}
	if (links->count == links->room) {
		uint32_t room = links->room ? links->room * 2 : 16;
		struct link_entry *item = arena_array(links->arena, struct link_entry, room);
		if (links->count)
			memcpy(item, links->item, sizeof *item * links->count);
		links->item = item;
		links->room = room;
	}
	links->item[links->count++] = (struct link_entry){.uid = arena_text(links->arena, uid), .link = copy};
}
