/* Back-off: failures come in, moments go out. Exponential with jitter and a cap. A loop that ends gives up at
 * a terminal failure at once, at any other after most_tries; one that never ends waits the longest time. */
#include "act/backoff.h"
#include <stdlib.h>
#include <string.h>

struct setback *backoff_find(const struct backoff *backoff, const char *object)
{
	for (uint32_t i = 0; i < backoff->count; i++)
		if (strcmp(backoff->item[i]->object, object) == 0)
			return backoff->item[i];
	return NULL;
}

static struct setback *setback_add(struct backoff *backoff, const char *object)
{
	if (backoff->count == backoff->room) {
		backoff->room = backoff->room ? backoff->room * 2 : 8;
		backoff->item = reallocarray(backoff->item, backoff->room, sizeof *backoff->item);
		if (!backoff->item)
			memory_ended();
	}
	struct arena *arena = arena_new();
	struct setback *setback = arena_make(arena, struct setback);
	*setback =
		(struct setback){.arena = arena, .words = arena_new(), .object = arena_text(arena, object)};
	return backoff->item[backoff->count++] = setback;
}

static void setback_free(struct setback *setback)
{
	arena_free(setback->words);
	arena_free(setback->arena);
}

void backoff_free(struct backoff *backoff)
{
	for (uint32_t i = 0; i < backoff->count; i++)
		setback_free(backoff->item[i]);
	free(backoff->item);
	backoff->item = NULL;
	backoff->count = backoff->room = 0;
}

/* xorshift64*: enough to spread retries, and the same for the same seed. */
static uint64_t random_next(uint64_t *seed)
{
	uint64_t x = *seed ? *seed : 0x9e3779b97f4a7c15u;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*seed = x;
	return x * 0x2545f4914f6cdd1du;
}

static int64_t wait_of(struct backoff *backoff, int tries)
{
	int64_t wait = BACKOFF_FIRST_MS;
	if (tries < 1)
		return 0;
	for (int i = 1; i < tries && wait < BACKOFF_MOST_MS; i++)
		wait *= 2;
	if (wait > BACKOFF_MOST_MS)
		wait = BACKOFF_MOST_MS;
	return wait + (int64_t)(random_next(&backoff->seed) % (uint64_t)(wait / 4 + 1));
}

static void note_failure(struct setback *setback, const struct failure *failure)
{
	arena_reset(setback->words);
	setback->message = arena_format(
		setback->words, "%s: %s", verb_table[failure->action->verb].verb, failure->message);
	setback->hint = arena_text(setback->words, failure->hint);
	setback->at = failure->action->at;
}

struct setback *backoff_note(
	struct backoff *backoff, const char *object, const struct failure *failure, int64_t now)
{
	struct setback *setback = backoff_find(backoff, object);
	const bool terminal = failure && failure->terminal;
	if (!setback)
		setback = setback_add(backoff, object);
	setback->tries++;
	setback->noted = now;
	setback->not_before = now + (terminal && !backoff->most_tries
						    ? BACKOFF_MOST_MS
						    : wait_of(backoff, setback->tries - backoff->free_tries));
	setback->given_up = backoff->most_tries && (setback->tries >= backoff->most_tries || terminal);
	if (failure)
		note_failure(setback, failure);
	return setback;
}

void backoff_hold(struct backoff *backoff, const char *object, int64_t until)
{
	if (!backoff_find(backoff, object))
		setback_add(backoff, object)->not_before = until;
}

void backoff_clear(struct backoff *backoff, const char *object)
{
	for (uint32_t i = 0; i < backoff->count; i++)
		if (strcmp(backoff->item[i]->object, object) == 0) {
			setback_free(backoff->item[i]);
			backoff->item[i] = backoff->item[--backoff->count];
			return;
		}
}

bool backoff_waits(const struct backoff *backoff, const char *object, int64_t now)
{
	const struct setback *setback = backoff_find(backoff, object);
	return setback && (setback->given_up || now < setback->not_before);
}

int64_t backoff_next(const struct backoff *backoff, int64_t now)
{
	int64_t next = -1;
	for (uint32_t i = 0; i < backoff->count; i++) {
		const struct setback *setback = backoff->item[i];
		if (!setback->given_up && setback->not_before > now &&
			(next < 0 || setback->not_before < next))
			next = setback->not_before;
	}
	return next;
}
