/* Config drives of simulated storage: names without bytes, in host.json's `drives`. Their key is made up, and
 * the same on every simulated host. */
#include "model/drive.h"
#include "host/sim/verb.h"
#include <string.h>

static const uint8_t made_up_key[DRIVE_KEY_SIZE] = "simulated";

static const char *content_of(struct arena *arena, const char *uid, const struct wanted_config *config)
{
	char content[DRIVE_CONTENT_SIZE];
	drive_content(made_up_key, uid, config, content);
	return arena_text(arena, content);
}

static struct HaveDrive *drive_make(struct arena *arena, const char *uid, const char *content)
{
	struct HaveDrive *drive = type_new(arena, &type_HaveDrive);
	KNOW(drive, HaveDrive, path, arena_format(arena, "/sim/config/%s", drive_name(arena, uid, content)));
	KNOW(drive, HaveDrive, domain, arena_text(arena, uid));
	KNOW(drive, HaveDrive, content, arena_text(arena, content));
	KNOW(drive, HaveDrive, id, arena_format(arena, "sim:4:%s", content));
	return drive;
}

static int64_t drive_index(const struct world *world, const struct HaveDrive *drive)
{
	const struct list *drives = &world->loaded->drives;
	for (uint32_t i = 0; i < drives->count; i++)
		if (text_equal(((struct HaveDrive *)drives->item[i])->path, drive->path))
			return i;
	return -1;
}

/* What an action is about: the drive that was found, or the one that is wanted. */
void config_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)world, (void)links;
	if (!action->drive && !action->config->known) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "a file that it is made of is not here");
		return;
	}
	op->drive = drive_make(op->arena, op->uid,
		action->drive ? action->drive->content : content_of(op->arena, op->uid, action->config));
	if (op->verb == verb_config_record)
		op->root = arena_text(op->arena, action->config->root->volume->uid);
	op->words = arena_text(op->arena, action->failure);
}

void config_create_effect(struct world *world, struct op *op)
{
	op->link = (struct link){.path = op->drive->path, .id = op->drive->id, .format = disk_format_raw};
	if (drive_index(world, op->drive) >= 0)
		return;
	list_add(world->arena, &world->loaded->drives, object_copy(world->arena, &type_HaveDrive, op->drive));
	world->loaded->at[Observation_drives] = &mark_observed;
	world_acted(world);
}

void config_remove_effect(struct world *world, struct op *op)
{
	const int64_t index = drive_index(world, op->drive);
	if (index < 0)
		return;
	list_remove(&world->loaded->drives, (uint32_t)index);
	if (!world->loaded->drives.count)
		world->loaded->at[Observation_drives] = NULL;
	world_acted(world);
}

void config_record_effect(struct world *world, struct op *op)
{
	struct sim_volume *volume = volume_find(world, op->root);
	struct Label *label = volume ? volume->have->label : NULL;
	if (!label) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "there is no such volume");
		return;
	}
	const char *content = arena_text(volume->arena, op->drive->content);
	if (op->words) {
		KNOW(label, Label, configFailed, arena_format(volume->arena, "%s %s", content, op->words));
	} else {
		KNOW(label, Label, config, content);
		label->at[Label_configFailed] = NULL;
	}
	world_acted(world);
}

void drives_found(const struct world *world, const struct want *want, struct have *have)
{
	const struct list *drives = &world->loaded->drives;
	for (uint32_t i = 0; i < drives->count; i++) {
		list_add(have->arena, &have->found->drives,
			object_copy(have->arena, &type_HaveDrive, drives->item[i]));
		have->found->at[Observation_drives] = &mark_observed;
	}
	for (uint32_t i = 0; want && i < want->domains.count; i++) {
		const struct wanted_domain *domain = want->domains.item[i];
		if (!domain->config || !domain->config->known)
			continue;
		struct wanted_content *content = arena_make(have->arena, struct wanted_content);
		content->domain = arena_text(have->arena, domain->uid);
		content->content = content_of(have->arena, domain->uid, domain->config);
		list_add(have->arena, &have->contents, content);
	}
}
