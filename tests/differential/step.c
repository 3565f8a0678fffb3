/* Steps: a line of a script in, an action or something by hand out. What an action needs is put together as a
 * plan would, but nothing is judged before: wrong uses are meant to reach the host. */
#include "model/quantity.h"
#include "tests/differential/play.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct step {
	struct play *play;
	const char *const *words; /* words[0] is the step, words[1] the definition */
	unsigned count;
	struct definition *definition;
	const char *message;
};

static const char *word(const struct step *step, unsigned index)
{
	if (index >= step->count)
		play_fail("%s: too few words", step->words[0]);
	return step->words[index];
}

static const char *outcome_word(struct step *step, const struct finished *done)
{
	static const char *const words[] = {
		[OUTCOME_DONE] = "done", [OUTCOME_TRANSIENT] = "transient", [OUTCOME_TERMINAL] = "terminal"};
	step->message = done->message;
	return words[done->outcome];
}

static struct Record *record_of(struct step *step)
{
	struct arena *arena = step->play->arena;
	struct Record *record = type_new(arena, &type_Record);
	KNOW(record, Record, owner, step->definition->want->owner);
	KNOW(record, Record, kind, "Domain");
	KNOW(record, Record, name, step->definition->domain->name);
	KNOW(record, Record, source, "/manifests");
	KNOW(record, Record, protect, false);
	return record;
}

static struct action action_of(struct step *step, enum verb verb)
{
	const struct wanted_domain *domain = step->definition->domain;
	struct action action = {.verb = verb,
		.object = arena_format(step->play->arena, "Domain/%s", domain->name),
		.domain = domain,
		.have = have_domain(step->play->have, domain->uid),
		.uid = domain->uid};
	if (verb_table[verb].records)
		action.record = record_of(step);
	return action;
}

static const char *act(struct step *step, struct action *action)
{
	struct finished done = play_action(step->play, action);
	return outcome_word(step, &done);
}

/* Storage. */

static struct Label *label_of(struct step *step, const struct wanted_volume *volume)
{
	struct Label *label = type_new(step->play->arena, &type_Label);
	KNOW(label, Label, owner, step->definition->want->owner);
	KNOW(label, Label, kind, kind_name[volume->object->kind]);
	KNOW(label, Label, name, volume->name);
	KNOW(label, Label, uid, volume->uid);
	KNOW(label, Label, reclaim, (int)volume->reclaim);
	KNOW(label, Label, protect, false);
	if (volume->domain_uid)
		KNOW(label, Label, domain, volume->domain_uid);
	return label;
}

static const char *disks_make(struct step *step)
{
	const struct list *disks = &step->definition->domain->disks;
	const char *outcome = "done";
	for (uint32_t i = 0; i < disks->count; i++) {
		const struct wanted_volume *volume = ((struct wanted_disk *)disks->item[i])->volume;
		for (uint32_t k = 0; k < volume->chain.count; k++) {
			struct action action = {.verb = verb_volume_create,
				.object = arena_format(step->play->arena, "Volume/%s", volume->name),
				.uid = volume->uid,
				.volume = volume,
				.layer = k,
				.label = label_of(step, volume)};
			outcome = act(step, &action);
		}
	}
	return outcome;
}

static const struct wanted_disk *disk_of(struct step *step, const char *definition, const char *vdev)
{
	const struct list *disks = &play_definition(step->play, definition)->domain->disks;
	for (uint32_t i = 0; i < disks->count; i++)
		if (text_equal(((struct wanted_disk *)disks->item[i])->disk->vdev, vdev))
			return disks->item[i];
	play_fail("%s has no disk %s", definition, vdev);
}

static const char *path_of(struct step *step)
{
	const struct wanted_disk *disk = disk_of(step, step->definition->name, word(step, 2));
	const struct link *link = links_find(&step->play->links, disk->volume->uid);
	if (!link || !link->path)
		play_fail("%s %s: its volume is not there", step->definition->name, word(step, 2));
	return link->path;
}

static const char *file_remove_step(struct step *step)
{
	return unlink(path_of(step)) == 0 ? "done" : "no";
}

static const char *file_spoil(struct step *step)
{
	static const char junk[4096] = "this is not what it was";
	const int file = open(path_of(step), O_WRONLY | O_CLOEXEC);
	const bool done = file >= 0 && pwrite(file, junk, sizeof(junk), 0) == (ssize_t)sizeof(junk);
	if (file >= 0)
		close(file);
	return done ? "done" : "no";
}

/* Actions of the host. */

static const char *plain(struct step *step)
{
	char verb[64];
	snprintf(verb, sizeof(verb), "domain.%s", step->words[0]);
	struct action action = action_of(step, verb_find(verb));
	return act(step, &action);
}

static const char *shutdown_step(struct step *step)
{
	struct action action = action_of(step, verb_domain_shutdown);
	action.number = strtoll(word(step, 2), NULL, 10);
	action.escalates = step->count > 3;
	return act(step, &action);
}

static const char *set_memory(struct step *step)
{
	const char *expected;
	struct action action = action_of(step, verb_domain_set_memory);
	if (!size_parse(word(step, 2), &action.number, &expected))
		play_fail("%s: expected %s", word(step, 2), expected);
	return act(step, &action);
}

static const char *set_vcpus(struct step *step)
{
	struct action action = action_of(step, verb_domain_set_vcpus);
	action.number = strtoll(word(step, 2), NULL, 10);
	return act(step, &action);
}

static const char *rename_step(struct step *step)
{
	struct action action = action_of(step, verb_domain_rename);
	struct wanted_domain *renamed = arena_make(step->play->arena, struct wanted_domain);
	*renamed = *step->definition->domain;
	renamed->xen_name = arena_text(step->play->arena, word(step, 2));
	action.domain = renamed;
	return act(step, &action);
}

/* NAME VDEV [OTHER]: the disk of that other definition. */
static struct action attach_disk_action(struct step *step)
{
	struct action action = action_of(step, verb_disk_attach);
	const struct wanted_disk *disk =
		disk_of(step, step->count > 3 ? word(step, 3) : step->definition->name, word(step, 2));
	action.disk = disk->disk;
	action.disk_volume = disk->volume;
	return action;
}

static struct action detach_disk_action(struct step *step)
{
	struct action action = action_of(step, verb_disk_detach);
	struct Disk *disk = type_new(step->play->arena, &type_Disk);
	KNOW(disk, Disk, vdev, arena_text(step->play->arena, word(step, 2)));
	action.disk = disk;
	const struct HaveDomain *have = action.have;
	for (uint32_t i = 0; have && have->spec && i < have->spec->disks.count; i++)
		if (text_equal(((struct Disk *)have->spec->disks.item[i])->vdev, disk->vdev))
			action.disk = have->spec->disks.item[i];
	return action;
}

static struct action attach_nic_action(struct step *step)
{
	struct action action = action_of(step, verb_nic_attach);
	const struct definition *from =
		play_definition(step->play, step->count > 3 ? word(step, 3) : step->words[1]);
	const struct list *nics = &from->domain->spec->nics;
	for (uint32_t i = 0; i < nics->count; i++)
		if (text_equal(((struct Nic *)nics->item[i])->name, word(step, 2)))
			action.nic = nics->item[i];
	if (!action.nic)
		play_fail("%s has no nic %s", from->name, word(step, 2));
	return action;
}

/* NAME NUMBER: that of its device. */
static struct action detach_nic_action(struct step *step)
{
	struct action action = action_of(step, verb_nic_detach);
	struct Nic *nic = type_new(step->play->arena, &type_Nic);
	KNOW(nic, Nic, device, strtoll(word(step, 2), NULL, 10));
	action.nic = nic;
	const struct HaveDomain *have = action.have;
	for (uint32_t i = 0; have && have->spec && i < have->spec->nics.count; i++)
		if (((struct Nic *)have->spec->nics.item[i])->device == nic->device)
			action.nic = have->spec->nics.item[i];
	return action;
}

static const char *attach_disk(struct step *step)
{
	struct action action = attach_disk_action(step);
	return act(step, &action);
}

static const char *detach_disk(struct step *step)
{
	struct action action = detach_disk_action(step);
	return act(step, &action);
}

static const char *attach_nic(struct step *step)
{
	struct action action = attach_nic_action(step);
	return act(step, &action);
}

static const char *detach_nic(struct step *step)
{
	struct action action = detach_nic_action(step);
	return act(step, &action);
}

/* By hand: the first word behind `hand` says what. */

static const char *yes(bool done)
{
	return done ? "done" : "no";
}

static const char *hand(struct step *step)
{
	const struct hand *hands = step->play->hand;
	const struct {
		const char *what;
		bool (*does)(struct play *, const char *);
	} rows[] = {{"pause", hands->pause}, {"poweroff", hands->poweroff}, {"reboot", hands->reboot},
		{"crash", hands->crash}, {"destroy", hands->destroy}, {"unmonitor", hands->unmonitor},
		{"boot", hands->boot}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].what, word(step, 1)) == 0)
			return yes(rows[i].does(step->play, word(step, 2)));
	if (strcmp(word(step, 1), "rename") == 0)
		return yes(hands->rename(step->play, word(step, 2), word(step, 3)));
	play_fail("hand %s: unknown", word(step, 1));
}

static const char *await(struct step *step)
{
	return yes(play_await(step->play, word(step, 1), word(step, 2)));
}

/* VERB NAME ...: the words of the step that is cut short. */
static const char *halfway(struct step *step)
{
	const char *verb = word(step, 1);
	struct step inner = *step;
	inner.words++;
	inner.count--;
	inner.definition = play_definition(step->play, word(step, 2));
	struct action action = strcmp(verb, "create") == 0    ? action_of(&inner, verb_domain_create)
			       : strcmp(verb, "destroy") == 0 ? action_of(&inner, verb_domain_destroy)
							      : attach_disk_action(&inner);
	action.id = ++step->play->id;
	return yes(step->play->hand->halfway(step->play, &action));
}

static const struct {
	const char *word;
	bool defined; /* the second word is a definition */
	const char *(*plays)(struct step *);
} steps[] = {
	{"disks", true, disks_make},
	{"remove-file", true, file_remove_step},
	{"spoil-file", true, file_spoil},
	{"check", true, plain},
	{"configure", true, plain},
	{"create", true, plain},
	{"verify", true, plain},
	{"unpause", true, plain},
	{"record", true, plain},
	{"destroy", true, plain},
	{"shutdown", true, shutdown_step},
	{"set-memory", true, set_memory},
	{"set-vcpus", true, set_vcpus},
	{"rename", true, rename_step},
	{"attach-disk", true, attach_disk},
	{"detach-disk", true, detach_disk},
	{"attach-nic", true, attach_nic},
	{"detach-nic", true, detach_nic},
	{"hand", false, hand},
	{"await", false, await},
	{"halfway", false, halfway},
};

const char *step_play(struct play *play, const char *const *words, unsigned count, const char **message)
{
	struct step step = {.play = play, .words = words, .count = count};
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (strcmp(steps[i].word, words[0]) != 0)
			continue;
		if (steps[i].defined)
			step.definition = play_definition(play, word(&step, 1));
		const char *outcome = steps[i].plays(&step);
		*message = step.message;
		return outcome;
	}
	play_fail("%s: unknown step", words[0]);
}
