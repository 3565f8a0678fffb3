/* Back-off: failures come in, moments go out. Exponential with jitter and a cap; a terminal failure is given
 * up at once, any other after most_tries. */
#include "act/backoff.h"
#include <string.h>

struct setback *backoff_find(const struct backoff *backoff, const char *object)
{
	for (uint32_t i = 0; i < backoff->setbacks.count; i++) {
		struct setback *setback = backoff->setbacks.item[i];
		if (strcmp(setback->object, object) == 0)
			return setback;
	}
	return NULL;
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
	for (int i = 1; i < tries && wait < BACKOFF_MOST_MS; i++)
		wait *= 2;
	if (wait > BACKOFF_MOST_MS)
		wait = BACKOFF_MOST_MS;
	return wait + (int64_t)(random_next(&backoff->seed) % (uint64_t)(wait / 4 + 1));
}

struct setback *backoff_note(
	struct backoff *backoff, const char *object, const struct failure *failure, int64_t now)
{
	struct setback *setback = backoff_find(backoff, object);
	if (!setback) {
		setback = arena_make(backoff->arena, struct setback);
		setback->object = arena_text(backoff->arena, object);
		list_add(backoff->arena, &backoff->setbacks, setback);
	}
	setback->tries++;
	setback->not_before = now + wait_of(backoff, setback->tries);
	setback->given_up = setback->tries >= backoff->most_tries || (failure && failure->terminal);
	if (failure) {
		const struct action *action = failure->action;
		setback->message = arena_format(
			backoff->arena, "%s: %s", verb_table[action->verb].verb, failure->message);
		setback->hint = arena_text(backoff->arena, failure->hint);
		setback->at = action->at;
	}
	return setback;
}

void backoff_clear(struct backoff *backoff, const char *object)
{
	struct list *list = &backoff->setbacks;
	for (uint32_t i = 0; i < list->count; i++)
		if (strcmp(((struct setback *)list->item[i])->object, object) == 0) {
			list->item[i] = list->item[--list->count];
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
	for (uint32_t i = 0; i < backoff->setbacks.count; i++) {
		const struct setback *setback = backoff->setbacks.item[i];
		if (!setback->given_up && setback->not_before > now &&
			(next < 0 || setback->not_before < next))
			next = setback->not_before;
	}
	return next;
}
