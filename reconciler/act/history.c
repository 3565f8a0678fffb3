/* An entry per object, sorted by its name. Every text is the entry's own, because passes and generations of
 * WANT go while history stays; what is replaced is freed, so that a daemon does not grow. */
#include "act/history.h"
#include <stdlib.h>
#include <string.h>

struct history {
	struct past *item;
	uint32_t count, room;
};

static char *keep(const char *text)
{
	char *copy = text ? strdup(text) : NULL;
	if (text && !copy)
		memory_ended();
	return copy;
}

static void drop(const char *text)
{
	free((void *)(uintptr_t)text);
}

static void deed_drop(struct deed *deed)
{
	drop(deed->text);
	drop(deed->message);
}

static void past_drop(struct past *past)
{
	for (int i = 0; i < past->deed_count; i++)
		deed_drop(&past->deeds[i]);
	drop(past->ready);
	drop(past->object);
}

struct history *history_new(void)
{
	struct history *history = calloc(1, sizeof(*history));
	if (!history)
		memory_ended();
	return history;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	for (uint32_t i = 0; i < history->count; i++)
		past_drop(&history->item[i]);
	free(history->item);
	free(history);
}

/* The place of the first entry that is not before this name. */
static uint32_t place_of(const struct history *history, const char *object)
{
	uint32_t low = 0, high = history->count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		if (strcmp(history->item[middle].object, object) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct past *find(const struct history *history, const char *object)
{
	const uint32_t place = place_of(history, object);
	return place < history->count && strcmp(history->item[place].object, object) == 0
		       ? &history->item[place]
		       : NULL;
}

const struct past *history_find(const struct history *history, const char *object)
{
	return history ? find(history, object) : NULL;
}

static struct past *past_of(struct history *history, const char *object)
{
	struct past *past = find(history, object);
	if (past)
		return past;
	if (history->count == history->room) {
		history->room = history->room ? history->room * 2 : 64;
		history->item = reallocarray(history->item, history->room, sizeof(*history->item));
		if (!history->item)
			memory_ended();
	}
	const uint32_t place = place_of(history, object);
	past = &history->item[place];
	memmove(past + 1, past, sizeof(*past) * (history->count++ - place));
	*past = (struct past){.object = keep(object)};
	return past;
}

/* Does it ask for the same? What is broken asks for nothing. */
static bool same_body(const struct object *before, const struct object *now)
{
	if (!before || !before->body || !now->body)
		return before && before->body == now->body;
	return object_same(kind_type(now->kind), before->body, now->body);
}

void history_load(struct history *history, const struct want *before, const struct want *now,
	void (*changed)(void *context, const char *object), void *context)
{
	for (uint32_t i = 0; i < now->objects.count; i++) {
		const struct object *object = now->objects.item[i];
		if (before && same_body(want_object(before, object->kind, object->name), object))
			continue;
		past_of(history, object->text)->generation++;
		if (changed)
			changed(context, object->text);
	}
}

void history_deed(struct history *history, const struct progress *progress, int64_t now)
{
	if (progress->kind != PROGRESS_DONE && progress->kind != PROGRESS_FAILED)
		return;
	struct past *past = past_of(history, progress->action->change);
	if (past->deed_count == DEEDS) {
		deed_drop(&past->deeds[0]);
		memmove(past->deeds, past->deeds + 1, sizeof(*past->deeds) * (DEEDS - 1));
		past->deed_count--;
	}
	past->deeds[past->deed_count++] = (struct deed){.verb = verb_table[progress->action->verb].verb,
		.text = keep(progress->action->text),
		.failed = progress->kind == PROGRESS_FAILED,
		.message = keep(progress->result ? progress->result->message : NULL),
		.time = now};
}

static void judge(struct past *past, const struct object_status *status, int64_t now)
{
	past->observed = past->generation;
	for (int kind = 0; kind < CONDITIONS; kind++) {
		const enum truth truth = status->conditions[kind].status;
		if (!past->since[kind] || past->status[kind] != truth)
			past->since[kind] = now;
		past->status[kind] = truth;
	}
}

/* Both lists are sorted by object. */
static void forget_others(struct history *history, const struct list *statuses)
{
	uint32_t kept = 0, at = 0;
	for (uint32_t i = 0; i < history->count; i++) {
		struct past *past = &history->item[i];
		const struct object_status *status = NULL;
		while (at < statuses->count &&
			strcmp((status = statuses->item[at])->object, past->object) < 0)
			at++;
		if (at < statuses->count && strcmp(status->object, past->object) == 0)
			history->item[kept++] = *past;
		else
			past_drop(past);
	}
	history->count = kept;
}

void history_turn(struct history *history, const struct list *statuses, int64_t now,
	void (*told)(void *context, const struct object_status *, const char *words), void *context)
{
	for (uint32_t i = 0; i < statuses->count; i++) {
		const struct object_status *status = statuses->item[i];
		struct past *past = past_of(history, status->object);
		judge(past, status, now);
		ARENA_SCOPED arena = arena_new();
		const char *words = status_words(arena, status);
		if (text_equal(past->ready, words))
			continue;
		drop(past->ready);
		past->ready = keep(words);
		if (told)
			told(context, status, words);
	}
	forget_others(history, statuses);
}
