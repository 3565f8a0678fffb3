/* Conditions from a plan. An object that is in order has no change in the plan, so its conditions follow from
 * its mere absence there; every other condition names the fields that it is about.
 *
 *   Ready            there, power as wanted, no difference, nothing unknown, nothing that its guest complains
 * of Reconciling      the next pass would do something for it Stalled          no pass will ever get it right
 * until a file, the host or a limit changes Drifted          it is there and something about it differs
 *   Suspended        its manifest asks to leave it alone
 *   RestartRequired  differences wait for a restart or a reattach that is not allowed
 *   Blocked          something else is not allowed: a limit, a protection, what is not yet supported
 *   BaseChanged      the image below an overlay is not the one that it was made on */
#include "act/status.h"
#include <string.h>

const char *const condition_name[CONDITIONS] = {
	[CONDITION_READY] = "Ready",
	[CONDITION_RECONCILING] = "Reconciling",
	[CONDITION_STALLED] = "Stalled",
	[CONDITION_DRIFTED] = "Drifted",
	[CONDITION_SUSPENDED] = "Suspended",
	[CONDITION_RESTART_REQUIRED] = "RestartRequired",
	[CONDITION_BLOCKED] = "Blocked",
	[CONDITION_BASE_CHANGED] = "BaseChanged",
};

const char *const truth_name[TRUTH_UNKNOWN + 1] = {
	[TRUTH_FALSE] = "False",
	[TRUTH_TRUE] = "True",
	[TRUTH_UNKNOWN] = "Unknown",
};

struct judging {
	struct arena *arena;
	const struct want *want;
	const struct have *have;
	struct object_status *status;
};

static struct condition condition(enum truth status, const char *reason, const char *message)
{
	return (struct condition){.status = status, .reason = reason, .message = message ? message : ""};
}

/* Which of an object's differences are meant. */
static bool waits_for_restart(const struct change *change, uint32_t i)
{
	enum level effect = change->differences[i].effect;

	return !change->difference_allowed[i] && !change->differences[i].refused &&
	       !change->differences[i].unknown && effect >= level_reattach && effect <= level_restart;
}

static bool is_blocked(const struct change *change, uint32_t i)
{
	const struct difference *difference = &change->differences[i];

	return !difference->unknown && !waits_for_restart(change, i) &&
	       (difference->refused || !change->difference_allowed[i]);
}

static bool is_difference(const struct change *change, uint32_t i)
{
	return !change->differences[i].unknown;
}

static bool is_unknown(const struct change *change, uint32_t i)
{
	return change->differences[i].unknown;
}

/* "spec.memory, spec.vcpus" of the differences that `meant` picks; NULL if it picks none. */
static const char *fields_of(struct judging *judging, bool (*meant)(const struct change *, uint32_t))
{
	const struct change *change = judging->status->change;
	BUFFER_SCOPED text = {0};

	for (uint32_t i = 0; change && i < change->difference_count; i++) {
		if (!meant(change, i))
			continue;
		if (text.size)
			buffer_text(&text, ", ");
		buffer_text(&text, change->differences[i].path);
	}
	return text.size ? arena_text(judging->arena, buffer_string(&text)) : NULL;
}

/* What a reason says beyond its name: WORDS of "ConfigFailed: WORDS". */
static const char *after_name(const char *reason)
{
	const char *words = reason ? strstr(reason, ": ") : NULL;
	return words ? words + 2 : reason;
}

static struct condition judge_ready(struct judging *judging)
{
	const struct object_status *status = judging->status;
	const struct change *change = status->change;

	if (status->subject && status->subject->broken)
		return condition(TRUTH_FALSE, "Invalid", "its manifest has errors");
	if (!judging->have->known)
		return condition(TRUTH_UNKNOWN, "HostUnknown", judging->have->why_unknown);
	if (!change && status->subject && status->subject->refused)
		return condition(TRUTH_FALSE, "NotSupported", status->subject->refused);
	if (!change)
		return condition(TRUTH_TRUE, "AsWanted", NULL);
	if (change->failed)
		return condition(TRUTH_FALSE, change->failed, after_name(change->reason));
	switch (change->kind) {
	case CHANGE_UNKNOWN:
		return condition(TRUTH_UNKNOWN, "NotKnown",
			change->reason ? change->reason : fields_of(judging, is_unknown));
	case CHANGE_CREATE:
		return condition(TRUTH_FALSE, "Missing", "it is not there, or not yet whole");
	case CHANGE_DESTROY:
		return condition(TRUTH_FALSE, "NotWanted", "no manifest names it any more");
	case CHANGE_STOP:
		return condition(TRUTH_FALSE, "Power", "it runs, and is wanted stopped");
	default:
		break;
	}
	const char *fields = fields_of(judging, is_difference);
	if (fields)
		return condition(TRUTH_FALSE, "Different", fields);
	return condition(
		TRUTH_FALSE, change->kind == CHANGE_BLOCKED ? "Blocked" : "Different", change->reason);
}

static struct condition judge_reconciling(struct judging *judging)
{
	const struct change *change = judging->status->change;

	if (change && change->actions.count)
		return condition(TRUTH_TRUE, "ActionsPlanned", change_name[change->kind]);
	return condition(TRUTH_FALSE, change ? "NothingAllowed" : "NothingToDo", NULL);
}

static struct condition judge_stalled(struct judging *judging)
{
	const struct object_status *status = judging->status;
	const struct change *change = status->change;

	if (status->subject && status->subject->broken)
		return condition(TRUTH_TRUE, "Invalid", "its manifest has errors");
	if (status->subject && status->subject->kept)
		return condition(TRUTH_TRUE, "Kept", "its file is broken; its last good form is kept");
	if (status->subject && status->subject->refused)
		return condition(TRUTH_TRUE, "NotSupported", status->subject->refused);
	if (change && change->failed)
		return condition(TRUTH_TRUE, change->failed, after_name(change->reason));
	for (uint32_t i = 0; change && i < change->difference_count; i++) {
		if (change->differences[i].refused)
			return condition(TRUTH_TRUE, "Refused", change->differences[i].refused);
	}
	if (change && change->kind == CHANGE_BLOCKED && !fields_of(judging, waits_for_restart))
		return condition(TRUTH_TRUE, "Blocked", change->reason);
	return condition(TRUTH_FALSE, "Progressing", NULL);
}

static struct condition judge_drifted(struct judging *judging)
{
	const struct change *change = judging->status->change;
	const char *fields = fields_of(judging, is_difference);

	if (!judging->have->known || (change && change->kind == CHANGE_UNKNOWN))
		return condition(TRUTH_UNKNOWN, "NotKnown", NULL);
	if (fields && change->kind != CHANGE_CREATE)
		return condition(TRUTH_TRUE, "Different", fields);
	return condition(TRUTH_FALSE, "NoDifference", NULL);
}

static struct condition judge_suspended(struct judging *judging)
{
	const struct object *subject = judging->status->subject;
	const struct Metadata *metadata = NULL;

	if (subject && subject->kind == KIND_DOMAIN && subject->domain)
		metadata = subject->domain->metadata;
	else if (subject && subject->kind == KIND_VOLUME && subject->volume)
		metadata = subject->volume->metadata;
	if (metadata && metadata->at[Metadata_suspend] && metadata->suspend)
		return condition(TRUTH_TRUE, "Asked", metadata->suspend->reason);
	return condition(TRUTH_FALSE, "NotAsked", NULL);
}

static struct condition judge_restart_required(struct judging *judging)
{
	const char *fields = fields_of(judging, waits_for_restart);

	return fields ? condition(TRUTH_TRUE, "NotAllowed", fields)
		      : condition(TRUTH_FALSE, "NothingStaged", NULL);
}

static struct condition judge_blocked(struct judging *judging)
{
	const struct change *change = judging->status->change;
	const char *fields = fields_of(judging, is_blocked);

	if (fields)
		return condition(TRUTH_TRUE, "NotAllowed",
			change->reason ? arena_format(judging->arena, "%s: %s", fields, change->reason)
				       : fields);
	if (change && change->kind == CHANGE_BLOCKED && !change->failed &&
		!fields_of(judging, waits_for_restart))
		return condition(TRUTH_TRUE, "NotAllowed", change->reason);
	return condition(TRUTH_FALSE, "NothingBlocked", NULL);
}

/* Says which image is not the one any more that this volume was made on, as plan does; NULL: all are. */
static const char *base_words(struct judging *judging, const struct wanted_volume *volume)
{
	const struct HaveVolume *found = volume ? have_volume(judging->have, volume->uid) : NULL;
	const char *image = found ? have_changed_base(judging->have, found) : NULL;

	return image ? arena_format(judging->arena,
			       "Image/%s is not the file any more that volume %s was made on", image,
			       volume->name)
		     : NULL;
}

static struct condition judge_base_changed(struct judging *judging)
{
	const struct change *change = judging->status->change;
	const struct object *subject = judging->status->subject;
	const struct wanted_domain *domain = NULL;
	const char *words = change ? base_words(judging, change->volume) : NULL;

	if (subject && subject->kind == KIND_DOMAIN)
		domain = want_domain(judging->want, subject->name);
	for (uint32_t i = 0; domain && !words && i < domain->disks.count; i++)
		words = base_words(judging, ((const struct wanted_disk *)domain->disks.item[i])->volume);
	return words ? condition(TRUTH_TRUE, "OtherFile", words) : condition(TRUTH_FALSE, "SameBase", NULL);
}

static void judge(struct judging *judging)
{
	static struct condition (*const judges[CONDITIONS])(struct judging *) = {
		[CONDITION_READY] = judge_ready,
		[CONDITION_RECONCILING] = judge_reconciling,
		[CONDITION_STALLED] = judge_stalled,
		[CONDITION_DRIFTED] = judge_drifted,
		[CONDITION_SUSPENDED] = judge_suspended,
		[CONDITION_RESTART_REQUIRED] = judge_restart_required,
		[CONDITION_BLOCKED] = judge_blocked,
		[CONDITION_BASE_CHANGED] = judge_base_changed,
	};

	for (int kind = 0; kind < CONDITIONS; kind++)
		judging->status->conditions[kind] = judges[kind](judging);
}

static const char *change_object(const void *change)
{
	return ((const struct change *)change)->object;
}

static const struct HaveDomain *found_domain(
	const struct want *want, const struct have *have, const struct object_status *status)
{
	const struct wanted_domain *domain = NULL;

	if (status->change && status->change->have)
		return status->change->have;
	if (status->subject && status->subject->kind == KIND_DOMAIN)
		domain = want_domain(want, status->subject->name);
	return domain ? have_domain(have, domain->uid) : NULL;
}

static void add_status(struct judging *judging, struct list *all, const char *object,
	const struct object *subject, const struct change *change)
{
	struct object_status *status = arena_make(judging->arena, struct object_status);

	status->object = object;
	status->subject = subject;
	status->change = change;
	status->have = found_domain(judging->want, judging->have, status);
	judging->status = status;
	judge(judging);
	list_add(judging->arena, all, status);
}

static int order(const void *left, const void *right)
{
	const struct object_status *const *a = left, *const *b = right;

	return strcmp((*a)->object, (*b)->object);
}

struct list status_of(
	struct arena *arena, const struct want *want, const struct have *have, const struct plan *plan)
{
	struct judging judging = {.arena = arena, .want = want, .have = have};
	struct list all = {0};

	for (uint32_t i = 0; i < want->objects.count; i++) {
		const struct object *object = want->objects.item[i];

		if (object->elsewhere || (object->kind != KIND_DOMAIN && object->kind != KIND_VOLUME))
			continue;
		add_status(&judging, &all, object->text, object,
			list_find(&plan->changes, object->text, change_object));
	}
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];

		if (!change->subject)
			add_status(&judging, &all, change->object, NULL, change);
	}
	list_sort(&all, order);
	return all;
}

void status_add_failures(struct arena *arena, const struct list *all, const struct backoff *failures)
{
	for (uint32_t i = 0; i < all->count; i++) {
		struct object_status *status = all->item[i];
		const struct setback *setback = backoff_find(failures, status->object);

		if (!setback || !setback->message)
			continue;
		status->conditions[CONDITION_STALLED] = condition(TRUTH_TRUE, "Failing",
			setback->hint ? arena_format(arena, "%s (%s)", setback->message, setback->hint)
				      : arena_text(arena, setback->message));
	}
}

enum condition_kind status_explanation(const struct object_status *status)
{
	static const enum condition_kind order[] = {CONDITION_SUSPENDED, CONDITION_BASE_CHANGED,
		CONDITION_BLOCKED, CONDITION_RESTART_REQUIRED, CONDITION_STALLED};

	/* what its guest complains of has a name of its own */
	const bool failed = status->change && status->change->failed;
	for (size_t i = 0; i < (failed ? 1 : sizeof order / sizeof *order); i++)
		if (status->conditions[order[i]].status == TRUTH_TRUE)
			return order[i];
	return CONDITION_READY;
}

const char *status_words(struct arena *arena, const struct object_status *status)
{
	const enum condition_kind kind = status_explanation(status);
	const struct condition *why = &status->conditions[kind];
	const char *name = kind == CONDITION_READY ? why->reason : condition_name[kind];

	return arena_format(arena, "%s%s%s", name, *why->message ? ": " : "", why->message);
}

bool status_ready(const struct list *all)
{
	for (uint32_t i = 0; i < all->count; i++) {
		const struct object_status *status = all->item[i];

		if (status->conditions[CONDITION_READY].status != TRUTH_TRUE)
			return false;
	}
	return true;
}
