/* Back-off: how waits grow, what bounds them, when an object is given up, and that all of it follows from the
 * clock that is handed in and the seed. */
#include "act/backoff.h"
#include <criterion/criterion.h>
#include <string.h>

TestSuite(backoff);

enum { MANY = 1000 };
#define BACKOFF __attribute__((cleanup(backoff_free))) struct backoff

static struct backoff backoff_make(uint64_t seed, int tries)
{
	return (struct backoff){.seed = seed, .most_tries = tries};
}

Test(backoff, each_wait_is_twice_the_one_before_and_up_to_a_quarter_more)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		BACKOFF backoff = backoff_make(seed, MANY);
		int64_t now = 5000, wait = BACKOFF_FIRST_MS;
		for (int i = 0; i < 8; i++, wait *= 2) {
			const struct setback *setback = backoff_note(&backoff, "Domain/a", NULL, now);
			cr_assert_eq(setback->tries, i + 1);
			cr_assert_geq(setback->not_before - now, wait);
			cr_assert_leq(setback->not_before - now, wait + wait / 4);
			now = setback->not_before;
		}
	}
}

Test(backoff, waits_do_not_grow_beyond_the_longest)
{
	BACKOFF backoff = backoff_make(7, MANY);
	for (int i = 0; i < 100; i++) {
		const struct setback *setback = backoff_note(&backoff, "Domain/a", NULL, 0);
		cr_assert_leq(setback->not_before, BACKOFF_MOST_MS + BACKOFF_MOST_MS / 4);
		if (i > 10)
			cr_assert_geq(setback->not_before, BACKOFF_MOST_MS);
	}
}

Test(backoff, objects_that_fail_together_do_not_come_back_together)
{
	ARENA_SCOPED arena = arena_new();
	BACKOFF backoff = backoff_make(3, MANY);
	int same = 0;
	int64_t last = -1;
	for (int i = 0; i < 50; i++) {
		const char *object = arena_format(arena, "Domain/d%d", i);
		int64_t moment = backoff_note(&backoff, object, NULL, 0)->not_before;
		same += moment == last;
		last = moment;
	}
	cr_assert_lt(same, 10);
}

Test(backoff, the_same_seed_gives_the_same_moments_and_another_gives_others)
{
	BACKOFF one = backoff_make(42, MANY), two = backoff_make(42, MANY), other = backoff_make(43, MANY);
	int differ = 0;
	for (int i = 0; i < 8; i++) {
		int64_t moment = backoff_note(&one, "Domain/a", NULL, 0)->not_before;
		cr_assert_eq(backoff_note(&two, "Domain/a", NULL, 0)->not_before, moment);
		differ += backoff_note(&other, "Domain/a", NULL, 0)->not_before != moment;
	}
	cr_assert_gt(differ, 0);
}

Test(backoff, a_seed_of_nothing_is_a_seed)
{
	ARENA_SCOPED arena = arena_new();
	BACKOFF backoff = backoff_make(0, MANY);
	bool jitter = false;
	for (int i = 0; i < 8; i++) {
		struct setback *setback = backoff_note(&backoff, arena_format(arena, "%d", i), NULL, 0);
		jitter |= setback->not_before != BACKOFF_FIRST_MS;
	}
	cr_assert(jitter);
}

Test(backoff, an_object_waits_until_its_moment_and_not_longer)
{
	BACKOFF backoff = backoff_make(1, MANY);
	cr_assert_not(backoff_waits(&backoff, "Domain/a", 0));
	const int64_t moment = backoff_note(&backoff, "Domain/a", NULL, 100)->not_before;
	cr_assert(backoff_waits(&backoff, "Domain/a", 100));
	cr_assert(backoff_waits(&backoff, "Domain/a", moment - 1));
	cr_assert_not(backoff_waits(&backoff, "Domain/a", moment));
	cr_assert_not(backoff_waits(&backoff, "Domain/b", 100));
}

Test(backoff, is_given_up_after_so_many_tries)
{
	BACKOFF backoff = backoff_make(1, 3);
	cr_assert_not(backoff_note(&backoff, "Domain/a", NULL, 0)->given_up);
	cr_assert_not(backoff_note(&backoff, "Domain/a", NULL, 0)->given_up);
	cr_assert(backoff_note(&backoff, "Domain/a", NULL, 0)->given_up);
	cr_assert(backoff_waits(&backoff, "Domain/a", INT64_MAX));
}

Test(backoff, a_terminal_failure_is_given_up_at_once_and_says_of_which_action)
{
	BACKOFF backoff = backoff_make(1, 5);
	const struct mark at = {.line = 7};
	const struct action action = {.verb = verb_domain_create, .at = &at};
	char message[] = "memory is above maxmem", hint[] = "less memory";
	const struct failure failure = {&action, true, message, hint};
	const struct setback *setback = backoff_note(&backoff, "Domain/a", &failure, 0);
	memset(message, 'x', strlen(message)); /* they are copied */
	memset(hint, 'x', strlen(hint));
	cr_assert(setback->given_up);
	cr_assert_eq(setback->tries, 1);
	cr_assert_str_eq(setback->message, "domain.create: memory is above maxmem");
	cr_assert_str_eq(setback->hint, "less memory");
	cr_assert_eq(setback->at, &at);
}

Test(backoff, the_last_failure_is_the_one_that_is_told)
{
	BACKOFF backoff = backoff_make(1, 5);
	const struct action create = {.verb = verb_domain_create}, verify = {.verb = verb_domain_verify};
	const struct failure first = {&create, false, "one", NULL}, second = {&verify, false, "two", NULL};
	backoff_note(&backoff, "Domain/a", &first, 0);
	backoff_note(&backoff, "Domain/a", &second, 0);
	cr_assert_str_eq(backoff_find(&backoff, "Domain/a")->message, "domain.verify: two");
	backoff_note(&backoff, "Domain/a", NULL, 0); /* it only did not settle: what failed is still told */
	cr_assert_str_eq(backoff_find(&backoff, "Domain/a")->message, "domain.verify: two");
}

Test(backoff, the_next_moment_is_the_earliest_to_come_of_those_that_are_not_given_up)
{
	BACKOFF backoff = backoff_make(1, 5);
	const struct action action = {.verb = verb_domain_create};
	const struct failure terminal = {&action, true, "no", NULL};
	cr_assert_eq(backoff_next(&backoff, 0), -1);
	backoff_note(&backoff, "Domain/gone", &terminal, 0);
	cr_assert_eq(backoff_next(&backoff, 0), -1);
	const int64_t late = backoff_note(&backoff, "Domain/late", NULL, 9000)->not_before;
	cr_assert_eq(backoff_next(&backoff, 0), late);
	const int64_t early = backoff_note(&backoff, "Domain/early", NULL, 100)->not_before;
	cr_assert_eq(backoff_next(&backoff, 0), early);
	cr_assert_eq(backoff_next(&backoff, early - 1), early);
	cr_assert_eq(backoff_next(&backoff, early), late);
	cr_assert_eq(backoff_next(&backoff, late), -1);
}

Test(backoff, what_is_cleared_begins_anew)
{
	BACKOFF backoff = backoff_make(1, 5);
	for (int i = 0; i < 4; i++)
		backoff_note(&backoff, "Domain/a", NULL, 0);
	backoff_note(&backoff, "Domain/b", NULL, 0);
	backoff_clear(&backoff, "Domain/a");
	backoff_clear(&backoff, "Domain/never-there");
	cr_assert_null(backoff_find(&backoff, "Domain/a"));
	cr_assert_eq(backoff_find(&backoff, "Domain/b")->tries, 1);
	cr_assert_eq(backoff_note(&backoff, "Domain/a", NULL, 0)->tries, 1);
}

Test(backoff, the_first_tries_may_be_free)
{
	BACKOFF backoff = {.seed = 1, .most_tries = MANY, .free_tries = 2};
	cr_assert_eq(backoff_note(&backoff, "Domain/a", NULL, 100)->not_before, 100);
	cr_assert_eq(backoff_note(&backoff, "Domain/a", NULL, 200)->not_before, 200);
	cr_assert_not(backoff_waits(&backoff, "Domain/a", 200));
	cr_assert_geq(backoff_note(&backoff, "Domain/a", NULL, 300)->not_before, 300 + BACKOFF_FIRST_MS);
	cr_assert_eq(backoff_find(&backoff, "Domain/a")->noted, 300);
}

Test(backoff, where_nothing_is_given_up_a_terminal_failure_waits_longest)
{
	BACKOFF backoff = {.seed = 1};
	const struct action action = {.verb = verb_domain_create};
	const struct failure terminal = {&action, true, "no", NULL};
	const struct setback *setback = backoff_note(&backoff, "Domain/a", &terminal, 0);
	cr_assert_not(setback->given_up);
	cr_assert_eq(setback->not_before, BACKOFF_MOST_MS);
	for (int i = 0; i < MANY; i++)
		cr_assert_not(backoff_note(&backoff, "Domain/b", NULL, 0)->given_up);
}

Test(backoff, what_is_held_waits_until_its_moment_whatever_is_said_later)
{
	BACKOFF backoff = {.seed = 1};
	backoff_hold(&backoff, "Domain/a", 1000);
	backoff_hold(&backoff, "Domain/a", 9000);
	cr_assert(backoff_waits(&backoff, "Domain/a", 999));
	cr_assert_not(backoff_waits(&backoff, "Domain/a", 1000));
	cr_assert_eq(backoff_next(&backoff, 0), 1000);
	backoff_clear(&backoff, "Domain/a");
	cr_assert_eq(backoff_next(&backoff, 0), -1);
}
