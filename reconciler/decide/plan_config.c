/* Config drives: what a guest is told of itself, once per content. The volume of its first writable disk
 * remembers the content that was delivered (Label.config); the drive that is attached says its content by its
 * name. What is planned follows from how these stand to what is wanted:
 *
 *   delivered   attached           running guest
 *   wanted      -                  in order; what is left of the drive is shredded
 *   wanted      wanted             in order; with detach: acknowledged it is taken away and shredded
 *   no          wanted             its word is waited for, then it counts as delivered
 *   no          no                 scene: made, attached, acknowledged; nocloud: as a change of content
 *   other       no, or other       a change of content: by onChange
 *
 * A guest that is made gets a nocloud drive in its configuration, a scene drive once it runs; neither where
 * it was delivered and taken away before. A guest that fails with it is left, or stopped and not started
 * again with that content. */
#include "decide/planner.h"
#include "model/drive.h"
#include "model/quantity.h"
#include <string.h>

/* How a domain stands to its drive. */
struct standing {
	const struct wanted_config *config;
	const char *content;       /* of the drive that is wanted; NULL: not known */
	const struct Label *label; /* of the root volume; NULL: none yet */
	const struct Disk *disk;   /* the drive that is attached, whole; NULL: none */
	const char *attached;      /* its content */
	bool delivered;            /* what is wanted */
};

static struct standing standing_of(
	struct planner *planner, const struct wanted_domain *domain, const struct HaveDomain *have)
{
	const struct wanted_config *config = domain->config;
	const struct wanted_volume *root = config->root->volume;
	const struct HaveVolume *volume = root ? volume_plan_of(planner, root)->have : NULL;
	char attached[DRIVE_CONTENT_SIZE];
	struct standing at = {.config = config,
		.content = have_wanted_content(planner->have, domain->uid),
		.label = volume ? volume->label : NULL};
	const struct Disk *disk = have ? drive_attached(have, attached) : NULL;
	if (disk && !(KNOWN(disk, Disk, fault) && disk->fault != fault_none)) {
		at.disk = disk;
		at.attached = arena_text(planner->arena, attached);
	}
	/* where it is not known what is wanted now, what was delivered is taken for it */
	at.delivered = at.label && KNOWN(at.label, Label, config) &&
		       (!at.content || text_equal(at.label->config, at.content));
	return at;
}

static bool is_scene(const struct wanted_config *config)
{
	return config->spec->format == config_format_scene;
}

static bool is_taken_away(const struct wanted_config *config)
{
	return config->spec->detach == config_detach_acknowledged;
}

/* Is the drive attached that is wanted? */
static bool has_wanted(const struct standing *at)
{
	return at->disk && (!at->content || text_equal(at->attached, at->content));
}

/* Failures. */

static const char *const failures[config_answer_CHOICES] = {
	[config_answer_error] = "ConfigFailed",
	[config_answer_unclear] = "ConfigFailed",
	[config_answer_timeout] = "ConfigTimeout",
};

/* "ConfigFailed: the guest answered ..."; NULL: it has not failed. */
static const char *failure_words(
	struct planner *planner, const struct standing *at, const struct HaveDomain *have)
{
	const struct ConfigAnswer *answer = KNOWN(have, HaveDomain, config) ? have->config : NULL;
	char time[32];
	if (!answer || at->delivered || !KNOWN(answer, ConfigAnswer, answer))
		return NULL;
	const char *words = answer->words ? answer->words : "";
	if (is_scene(at->config) && !at->disk && !answer->asked && answer->answer != config_answer_none)
		return "ConfigEarly: the guest answered before its config drive was attached";
	if (!has_wanted(at) || !failures[answer->answer])
		return NULL;
	if (answer->answer == config_answer_timeout)
		return arena_format(planner->arena, "ConfigTimeout: the guest has said nothing in %s",
			duration_text(at->config->timeout, time));
	return arena_format(planner->arena, "%s: the guest answered %s'%s'", failures[answer->answer],
		answer->answer == config_answer_error ? "error: " : "neither done nor error:TEXT but ",
		words);
}

/* "ConfigFailed" of "ConfigFailed: WORDS". */
static const char *failure_name(struct planner *planner, const char *words)
{
	return arena_copy(planner->arena, words, strcspn(words, ":"));
}

const char *config_obstacle(
	struct planner *planner, struct change *change, const struct wanted_domain *domain)
{
	if (!domain->config || planner->options->allow >= level_restart)
		return NULL;
	const struct standing at = standing_of(planner, domain, NULL);
	if (!at.label || !KNOWN(at.label, Label, configFailed))
		return NULL;
	const char *failed = at.label->configFailed, *words = strchr(failed, ' ');
	const size_t length = words ? (size_t)(words - failed) : 0;
	if (!words ||
		(at.content && (strlen(at.content) != length || strncmp(failed, at.content, length) != 0)))
		return NULL;
	change->failed = failure_name(planner, words + 1);
	return arena_format(planner->arena,
		"%s; it was stopped (config.onFailure) and is not started again with this content unless "
		"--allow restart says so",
		words + 1);
}

bool plan_config_failed(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	if (!domain->config)
		return false;
	const struct standing at = standing_of(planner, domain, have);
	const char *words = failure_words(planner, &at, have);
	if (!words)
		return false;
	change->failed = failure_name(planner, words);
	change_reason(planner, change, words);
	change->cause = CAUSE_ERROR;
	if (at.config->spec->onFailure == config_failure_keep)
		return false;
	struct draft *record =
		draft_of(planner, change, verb_config_record, domain, have, "(it failed)", NULL);
	record->action.config = at.config;
	record->action.failure = words;
	change->kind = CHANGE_STOP;
	change->blast = level_stop;
	draft_shred(planner, change, domain->uid, domain->name, NULL,
		plan_stop(planner, change, domain->name, have, domain->spec->shutdown, record));
	return true;
}

/* Shredding. */

static void draft_remove(struct planner *planner, struct change *change, const char *uid, const char *name,
	const struct wanted_domain *domain, const struct HaveDrive *drive, struct draft *after)
{
	struct draft *remove =
		draft_add(planner, change, verb_config_remove, change->object, name, NULL, after);
	remove->action.uid = uid;
	remove->action.drive = drive;
	remove->action.domain = domain;
	remove->action.config = domain ? domain->config : NULL;
}

void draft_shred(struct planner *planner, struct change *change, const char *uid, const char *name,
	const char *keep, struct draft *after)
{
	uint32_t count;
	const struct index_entry *drives = have_drives_of(planner->have, uid, &count);
	for (uint32_t i = 0; i < count; i++) {
		const struct HaveDrive *drive = drives[i].item;
		if (!text_equal(drive->content, keep))
			draft_remove(planner, change, uid, name, NULL, drive, after);
	}
}

/* Delivering. */

static bool needs_drive(const struct standing *at)
{
	return is_scene(at->config) ? !at->delivered : !(is_taken_away(at->config) && at->delivered);
}

/* All but the one that is needed; where it is not known which that is, none. */
static void shred_others(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct standing *at, struct draft *after)
{
	if (needs_drive(at) && !at->content)
		return;
	draft_shred(planner, change, domain->uid, domain->name, needs_drive(at) ? at->content : NULL, after);
}

bool config_in_cfg(struct planner *planner, const struct wanted_domain *domain)
{
	if (!domain->config || is_scene(domain->config))
		return false;
	const struct standing at = standing_of(planner, domain, NULL);
	return needs_drive(&at);
}

static struct draft *draft_drive(struct planner *planner, struct change *change, const struct standing *at,
	const struct wanted_domain *domain, struct draft *after)
{
	if (at->content && have_drive(planner->have, domain->uid, at->content))
		return NULL;
	struct draft *make = draft_of(planner, change, verb_config_create, domain, NULL,
		arena_format(planner->arena, "(%s)", choice_config_format[at->config->spec->format]), after);
	make->action.config = at->config;
	make->action.volume = &at->config->volume; /* its link is known by that */
	make->action.at = at->config->at;
	return make;
}

struct draft *draft_config(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	struct draft *after)
{
	if (!domain->config)
		return NULL;
	const struct standing at = standing_of(planner, domain, NULL);
	return needs_drive(&at) ? draft_drive(planner, change, &at, domain, after) : NULL;
}

static struct draft *draft_device(struct planner *planner, struct change *change, enum verb verb,
	const struct wanted_domain *domain, const struct HaveDomain *have, struct draft *after)
{
	const struct wanted_config *config = domain->config;
	struct draft *draft = draft_of(planner, change, verb, domain, have,
		arena_format(planner->arena, "%s (config drive)", config->disk->vdev), after);
	draft->action.disk = config->disk;
	draft->action.disk_volume = &config->volume;
	draft->action.config = config;
	draft->action.at = config->at;
	return draft;
}

/* The guest has the drive from `after` on: its word is waited for, written down, the drive taken away. */
static void draft_ending(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have, bool said, struct draft *after)
{
	const struct wanted_config *config = domain->config;
	struct draft *last = after;
	char time[32];
	if (config->timeout && !said) {
		last = draft_of(planner, change, verb_config_acknowledge, domain, have,
			arena_format(planner->arena, "(%s)", duration_text(config->timeout, time)), last);
		last->action.config = config;
		last->action.number = config->timeout;
		last->action.at = config->at;
	}
	last = draft_of(planner, change, verb_config_record, domain, have, "(delivered)", last);
	last->action.config = config;
	if (!is_taken_away(config))
		return;
	last = draft_device(planner, change, verb_disk_detach, domain, have, last);
	draft_remove(planner, change, domain->uid, domain->name, domain, NULL, last);
}

void draft_delivery(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	struct draft *drive, struct draft *after)
{
	if (!domain->config)
		return;
	const struct standing at = standing_of(planner, domain, NULL);
	shred_others(planner, change, domain, &at, after);
	if (at.delivered)
		return;
	struct draft *last = after;
	if (is_scene(domain->config)) {
		last = draft_device(planner, change, verb_disk_attach, domain, NULL, after);
		last->action.blast = level_none;
		draft_needs(planner, last, drive);
	}
	const uint32_t first = change->actions.count;
	draft_ending(planner, change, domain, NULL, false, last);
	for (uint32_t i = first; i < change->actions.count; i++)
		((struct draft *)change->actions.item[i])->action.blast = level_none;
}

/* Running guests. */

static void add_difference(struct planner *planner, const struct standing *at, const char *have,
	enum level effect, struct list *out)
{
	static const char unnamed[] = "new";
	const char **sides = arena_array(planner->arena, const char *, 2);
	struct difference *difference = arena_make(planner->arena, struct difference);
	sides[0] = at->content ? at->content : unnamed;
	sides[1] = have;
	*difference = (struct difference){.path = "spec.config",
		.field = &type_HaveDrive.fields[HaveDrive_content],
		.want = &sides[0],
		.have = have ? &sides[1] : NULL,
		.effect = effect,
		.refused = effect > level_live || at->label ? NULL
							    : "the disk that remembers what was delivered is "
							      "not there yet",
		.at = at->config->at,
		.verb = effect == level_live ? verb_config_create : verb_none,
		.asked = effect > level_live && at->config->spec->onChange != config_change_stage,
		.staged = effect > level_live && at->config->spec->onChange == config_change_stage};
	list_add(planner->arena, out, difference);
}

void plan_config_differences(struct planner *planner, const struct wanted_domain *domain,
	const struct HaveDomain *have, struct list *out)
{
	if (!domain->config || !KNOWN(have, HaveDomain, spec) || !have->spec)
		return;
	const struct standing at = standing_of(planner, domain, have);
	const enum level effect =
		at.config->spec->onChange == config_change_recreate ? level_recreate : level_restart;
	const char *before = at.attached                                  ? at.attached
			     : at.label && KNOWN(at.label, Label, config) ? at.label->config
									  : NULL;
	if (has_wanted(&at) || (at.delivered && !at.disk) || failure_words(planner, &at, have))
		return;
	if (!before && is_scene(at.config))
		add_difference(planner, &at, NULL, level_live, out);
	else if (!before || at.content)
		add_difference(planner, &at, before, effect, out);
}

void draft_config_live(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	const struct standing at = standing_of(planner, domain, have);
	struct draft *drive = draft_drive(planner, change, &at, domain, NULL);
	draft_ending(planner, change, domain, have, false,
		draft_device(planner, change, verb_disk_attach, domain, have, drive));
}

/* A drive that no manifest wants any more goes after what takes it from its guest. */
static void shred_unwanted(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	char attached[DRIVE_CONTENT_SIZE];
	const struct Disk *disk = drive_attached(have, attached);
	struct draft *detach = NULL;
	for (uint32_t i = 0; i < change->actions.count; i++) {
		struct draft *draft = change->actions.item[i];
		if (draft->action.verb == verb_disk_detach && draft->action.disk == disk)
			detach = draft;
	}
	draft_shred(planner, change, domain->uid, domain->name, disk && !detach ? attached : NULL, detach);
}

void plan_config_running(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	if (!KNOWN(have, HaveDomain, spec) || !have->spec)
		return;
	if (!domain->config) {
		shred_unwanted(planner, change, domain, have);
		return;
	}
	const struct standing at = standing_of(planner, domain, have);
	char attached[DRIVE_CONTENT_SIZE];
	const bool there = drive_attached(have, attached) != NULL;
	const struct ConfigAnswer *answer = KNOWN(have, HaveDomain, config) ? have->config : NULL;
	if (has_wanted(&at) && !at.delivered && at.label && !failure_words(planner, &at, have))
		draft_ending(
			planner, change, domain, have, answer && answer->answer == config_answer_done, NULL);
	else if (there && at.delivered && is_taken_away(at.config) &&
		 (!at.content || text_equal(attached, at.content)))
		draft_remove(planner, change, domain->uid, domain->name, domain, NULL,
			draft_device(planner, change, verb_disk_detach, domain, have, NULL));
	else if (!there)
		shred_others(planner, change, domain, &at, NULL);
}
