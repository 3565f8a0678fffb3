/* Changes and actions while a plan is drafted: what the parts of plan make their results of. Needs are
 * pointers here; plan.c gives ids when everything is decided. */
#include "decide/planner.h"
#include <string.h>

struct change *change_add(
	struct planner *planner, const char *object, const struct object *subject, const struct mark *at)
{
	struct change *change = planner->spare ? planner->spare : arena_make(planner->arena, struct change);
	planner->spare = NULL;
	change->object = object;
	change->subject = subject;
	change->at = at;
	change->allowed = true;
	list_add(planner->arena, &planner->plan->changes, change);
	return change;
}

void change_reason(struct planner *planner, struct change *change, const char *reason)
{
	change->reason =
		change->reason ? arena_format(planner->arena, "%s; %s", change->reason, reason) : reason;
}

void change_block(struct planner *planner, struct change *change, enum change_kind kind, const char *reason)
{
	change->kind = kind;
	change->allowed = false;
	change->cause = CAUSE_ERROR;
	change->actions.count = 0;
	change_reason(planner, change, reason);
}

void change_differences(struct planner *planner, struct change *change, const struct list *differences)
{
	if (!differences->count)
		return;
	change->differences = arena_array(planner->arena, struct difference, differences->count);
	change->difference_allowed = arena_array(planner->arena, bool, differences->count);
	change->difference_count = differences->count;
	for (uint32_t i = 0; i < differences->count; i++)
		change->differences[i] = *(struct difference *)differences->item[i];
}

/* The wording of the row with the name in place of its %s. */
static const char *worded(struct arena *arena, const char *wording, const char *name, const char *more)
{
	const char *gap = strstr(wording, "%s");
	return arena_format(arena, "%.*s%s%s%s%s", gap ? (int)(gap - wording) : (int)strlen(wording), wording,
		gap ? name : "", gap ? gap + 2 : "", more ? " " : "", more ? more : "");
}

struct draft *draft_add(struct planner *planner, struct change *change, enum verb verb, const char *object,
	const char *name, const char *more, struct draft *after)
{
	struct draft *draft = arena_make(planner->arena, struct draft);
	draft->change = change;
	draft->action.verb = verb;
	draft->action.object = object;
	draft->action.change = change->object;
	draft->action.blast = verb_table[verb].blast;
	draft->action.text = worded(planner->arena, verb_table[verb].wording, name, more);
	draft->action.at = change->at;
	draft_needs(planner, draft, after);
	list_add(planner->arena, &change->actions, draft);
	return draft;
}

void draft_needs(struct planner *planner, struct draft *draft, struct draft *needed)
{
	if (!needed)
		return;
	for (uint32_t i = 0; i < draft->needs.count; i++)
		if (draft->needs.item[i] == needed)
			return;
	list_add(planner->arena, &draft->needs, needed);
}
