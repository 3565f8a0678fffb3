/* Disks and nics of a guest that is there, matched by key: a disk by its vdev, a nic by its name where our
 * record knows it, else by its MAC. What stands on one side only was added or removed. What a disk is, is
 * compared by the ids of files and devices (device and inode), never by the text of a path. */
#include "decide/diff_list.h"
#include "model/action.h"
#include "model/drive.h"
#include "model/effect.h"
#include <string.h>

static struct difference *entry_difference(const struct diffing *diffing, const char *path,
	const struct field *field, const void *want, const void *have, const struct mark *at, enum verb verb)
{
	struct difference *difference = difference_add(diffing, path, field);
	difference->want = want;
	difference->have = have;
	difference->at = at;
	difference->verb = verb;
	return difference;
}

/* Effects of the three ways in which an entry differs; what the driver cannot do says so. */
static void judge(const struct diffing *diffing, struct difference *difference,
	const struct field *list_field, const void *want_entry, const void *have_entry,
	enum disk_format format)
{
	struct circumstances at = diffing->circumstances;
	at.want_entry = want_entry;
	at.have_entry = have_entry;
	at.format = format;
	difference->effect = field_effect(list_field, &at);
	if (difference->effect > level_reattach || difference->unknown)
		return;
	const bool disk = list_field == &type_DomainSpec.fields[DomainSpec_disks];
	const enum verb need[] = {
		disk ? verb_disk_detach : verb_nic_detach, disk ? verb_disk_attach : verb_nic_attach};
	const bool used[] = {have_entry != NULL, want_entry != NULL};
	for (int i = 0; i < 2; i++)
		if (used[i] && !have_can(diffing->have, need[i]))
			difference->refused = arena_format(diffing->arena,
				"changing %s of a guest that runs (%s) is not yet supported on this host",
				difference->path, verb_table[need[i]].verb);
}

/* A device that was attached or detached by halves: it is taken away and given again. `difference` says of
 * which. */
static void judge_fault(const struct diffing *diffing, struct difference *difference,
	const struct field *list_field, const void *want_entry, const void *have_entry,
	enum disk_format format, bool connected)
{
	judge(diffing, difference, list_field, want_entry, have_entry, format);
	if (difference->effect <= level_reattach)
		difference->effect = effect_fault((enum fault) * (const int *)difference->have, connected);
}

/* The name of the volume that has this id on top, or the target as it was found. */
static const char *const *name_of_target(const struct diffing *diffing, const struct Disk *disk)
{
	const struct HaveVolume *volume = disk->id ? have_volume_on(diffing->have, disk->id) : NULL;
	if (volume)
		return &volume->name;
	return &disk->target;
}

const char diff_lost_words[] =
	"the guest has this volume, but storage does not know it: no empty one is put in its place";

/* The folder of a volume is named by its uid. */
bool diff_lost(const struct have *have, const struct wanted_volume *volume, const struct Disk *disk)
{
	return volume && have->storage_known && disk->target && strstr(disk->target, volume->uid) &&
	       !have_volume(have, volume->uid);
}

/* The volume has grown and the guest has not been shown it: that was cut short. While it is still growing,
 * its own difference says so. */
static void diff_disk_size(const struct diffing *diffing, const struct wanted_disk *want,
	const struct HaveVolume *volume, const struct Disk *have, const struct link *link)
{
	if (!KNOWN(have, Disk, size) || !link->size || have->size >= link->size ||
		have->fault != fault_none || diff_grows(want->volume, volume))
		return;
	const struct LayerFound *top = volume->chain.item[volume->chain.count - 1];
	struct difference *difference = entry_difference(diffing,
		arena_format(diffing->arena, "spec.disks[%s].size", have->vdev), &type_Disk.fields[Disk_size],
		&top->size, &have->size, want->disk->at[Disk_volume], verb_disk_grow);
	const bool live = link->format == disk_format_raw && strncmp(have->vdev, "xvd", 3) == 0 &&
			  have_can(diffing->have, verb_disk_grow);
	difference->effect = live ? level_live : level_restart;
	difference->have_disk = have;
	difference->grows = want->volume;
}

static void diff_disk(const struct diffing *diffing, const struct wanted_disk *want, const struct Disk *have)
{
	const struct field *list_field = &type_DomainSpec.fields[DomainSpec_disks];
	const struct Disk *disk = want->disk;
	const struct HaveVolume *volume = want->volume ? have_volume(diffing->have, want->volume->uid) : NULL;
	struct link link = {0};
	const bool there = volume && have_volume_link(volume, &link);
	const bool same = there && link.id && have->id && strcmp(link.id, have->id) == 0;
	const bool unknown = (there && !same && (!link.id || !have->id)) || !diffing->have->storage_known;
	if (want->volume && !same) {
		/* shown by name: the target field is a text on both sides */
		struct difference *difference = entry_difference(diffing,
			arena_format(diffing->arena, "spec.disks[%s].volume", disk->vdev),
			&type_Disk.fields[Disk_target], &want->volume->name, name_of_target(diffing, have),
			disk->at[Disk_volume], verb_disk_attach);
		difference->unknown = unknown;
		difference->want_disk = want;
		difference->have_disk = have;
		judge(diffing, difference, list_field, disk, have, link.format);
		if (diff_lost(diffing->have, want->volume, have)) {
			difference->effect = level_data_loss;
			difference->refused = diff_lost_words;
		}
	}
	if (same && there)
		diff_disk_size(diffing, want, volume, have, &link);
	if (KNOWN(have, Disk, access) && have->access != disk->access) {
		struct difference *difference = entry_difference(diffing,
			arena_format(diffing->arena, "spec.disks[%s].access", disk->vdev),
			&type_Disk.fields[Disk_access], &disk->access, &have->access,
			disk->at[Disk_access] ? disk->at[Disk_access] : disk->at[Disk_vdev],
			verb_disk_attach);
		difference->want_disk = want;
		difference->have_disk = have;
		judge(diffing, difference, list_field, disk, have, there ? link.format : disk_format_raw);
	}
}

static const int no_fault = fault_none;

static void diff_fault_of_disk(
	const struct diffing *diffing, const struct wanted_disk *want, const struct Disk *have)
{
	if (!KNOWN(have, Disk, fault) || have->fault == fault_none)
		return;
	const struct mark *at = type_mark(&type_Disk, want->disk);
	struct difference *difference =
		entry_difference(diffing, arena_format(diffing->arena, "spec.disks[%s].fault", have->vdev),
			&type_Disk.fields[Disk_fault], &no_fault, &have->fault,
			at ? at : diffing->domain->spec->at[DomainSpec_disks], verb_disk_attach);
	difference->want_disk = want;
	difference->have_disk = have;
	judge_fault(diffing, difference, &type_DomainSpec.fields[DomainSpec_disks], want->disk, have,
		KNOWN(have, Disk, format) ? (enum disk_format)have->format : disk_format_raw,
		!KNOWN(have, Disk, connected) || have->connected);
}

static void diff_fault_of_nic(const struct diffing *diffing, const struct Nic *want, const struct Nic *have)
{
	if (!KNOWN(have, Nic, fault) || have->fault == fault_none)
		return;
	const struct mark *at = type_mark(&type_Nic, want);
	struct difference *difference =
		entry_difference(diffing, arena_format(diffing->arena, "spec.nics[%s].fault", want->name),
			&type_Nic.fields[Nic_fault], &no_fault, &have->fault,
			at ? at : diffing->domain->spec->at[DomainSpec_nics], verb_nic_attach);
	difference->want_nic = want;
	difference->have_nic = have;
	judge_fault(diffing, difference, &type_DomainSpec.fields[DomainSpec_nics], want, have,
		disk_format_raw, !KNOWN(have, Nic, connected) || have->connected);
}

enum disk_format diff_format(
	const struct want *want, const struct have *have, const struct wanted_volume *volume)
{
	const struct HaveVolume *found = volume ? have_volume(have, volume->uid) : NULL;
	struct link link;
	if (found && have_volume_link(found, &link))
		return link.format;
	if (!volume || !volume->chain.count)
		return disk_format_raw;
	const struct Layer *top = volume->chain.item[volume->chain.count - 1];
	if (top->overlay)
		return disk_format_qcow2;
	const struct wanted_image *image = top->image ? want_image(want, top->image->name) : NULL;
	if (image)
		return image->format;
	return top->file ? (enum disk_format)top->file->format : disk_format_raw;
}

void diff_disks(const struct diffing *diffing)
{
	const struct field *list_field = &type_DomainSpec.fields[DomainSpec_disks];
	const struct list *want = &diffing->domain->disks, *have = &diffing->found->spec->disks;
	if (!KNOWN(diffing->found->spec, DomainSpec, disks)) {
		if (want->count) {
			struct difference *difference = entry_difference(diffing, "spec.disks", list_field,
				&diffing->domain->spec->disks, NULL,
				diffing->domain->spec->at[DomainSpec_disks], verb_none);
			difference->unknown = true;
		}
		return;
	}
	for (uint32_t i = 0; i < want->count; i++) {
		const struct wanted_disk *disk = want->item[i];
		const struct Disk *match = NULL;
		for (uint32_t k = 0; k < have->count && !match; k++)
			if (strcmp(((struct Disk *)have->item[k])->vdev, disk->disk->vdev) == 0)
				match = have->item[k];
		if (match) {
			diff_disk(diffing, disk, match);
			diff_fault_of_disk(diffing, disk, match);
			continue;
		}
		struct difference *difference = entry_difference(diffing,
			arena_format(diffing->arena, "spec.disks[%s]", disk->disk->vdev),
			&type_Disk.fields[Disk_target],
			disk->volume ? &disk->volume->name : &disk->disk->vdev, NULL,
			disk->disk->at[Disk_vdev], verb_disk_attach);
		difference->want_disk = disk;
		judge(diffing, difference, list_field, disk->disk, NULL,
			diff_format(diffing->want, diffing->have, disk->volume));
	}
	for (uint32_t k = 0; k < have->count; k++) {
		const struct Disk *disk = have->item[k];
		bool wanted = false;
		for (uint32_t i = 0; i < want->count && !wanted; i++)
			wanted = strcmp(((struct wanted_disk *)want->item[i])->disk->vdev, disk->vdev) == 0;
		/* its config drive is judged as a whole, see plan_config.c */
		if (wanted || (diffing->domain->config && drive_is(disk, diffing->domain->uid)))
			continue;
		struct difference *difference =
			entry_difference(diffing, arena_format(diffing->arena, "spec.disks[%s]", disk->vdev),
				&type_Disk.fields[Disk_target], NULL, name_of_target(diffing, disk),
				diffing->domain->object->at, verb_disk_detach);
		difference->have_disk = disk;
		judge(diffing, difference, list_field, NULL, disk, disk_format_raw);
	}
}

static bool same_nic(const struct Nic *want, const struct Nic *have)
{
	if (have->name)
		return strcmp(want->name, have->name) == 0;
	return have->mac && strcmp(want->mac, have->mac) == 0;
}

static void diff_nic_member(const struct diffing *diffing, const struct Nic *want, const struct Nic *have,
	enum Nic_field index, const char *const *wanted, const char *const *found)
{
	const bool known = have->at[index] != NULL;
	if (known && text_equal(*wanted, *found))
		return;
	struct difference *difference = entry_difference(diffing,
		arena_format(diffing->arena, "spec.nics[%s].%s", want->name, type_Nic.fields[index].key),
		&type_Nic.fields[index], wanted, known ? found : NULL, want->at[index], verb_nic_attach);
	if (!difference->at || !difference->at->file)
		difference->at = type_mark(&type_Nic, want);
	if (!difference->at)
		difference->at = diffing->domain->spec->at[DomainSpec_nics];
	difference->unknown = !known;
	difference->want_nic = want;
	difference->have_nic = have;
	judge(diffing, difference, &type_DomainSpec.fields[DomainSpec_nics], want, have, disk_format_raw);
}

void diff_nics(const struct diffing *diffing)
{
	const struct field *list_field = &type_DomainSpec.fields[DomainSpec_nics];
	const struct list *want = &diffing->domain->spec->nics, *have = &diffing->found->spec->nics;
	if (!KNOWN(diffing->found->spec, DomainSpec, nics)) {
		if (want->count) {
			struct difference *difference = entry_difference(diffing, "spec.nics", list_field,
				want, NULL, diffing->domain->spec->at[DomainSpec_nics], verb_none);
			difference->unknown = true;
		}
		return;
	}
	for (uint32_t i = 0; i < want->count; i++) {
		const struct Nic *nic = want->item[i];
		const struct Nic *match = NULL;
		for (uint32_t k = 0; k < have->count && !match; k++)
			if (same_nic(nic, have->item[k]))
				match = have->item[k];
		if (match) {
			diff_nic_member(diffing, nic, match, Nic_bridge, &nic->bridge, &match->bridge);
			diff_nic_member(diffing, nic, match, Nic_mac, &nic->mac, &match->mac);
			diff_fault_of_nic(diffing, nic, match);
			continue;
		}
		struct difference *difference = entry_difference(diffing,
			arena_format(diffing->arena, "spec.nics[%s]", nic->name), &type_Nic.fields[Nic_mac],
			&nic->mac, NULL, type_mark(&type_Nic, nic), verb_nic_attach);
		if (!difference->at)
			difference->at = diffing->domain->spec->at[DomainSpec_nics];
		difference->want_nic = nic;
		judge(diffing, difference, list_field, nic, NULL, disk_format_raw);
	}
	for (uint32_t k = 0; k < have->count; k++) {
		const struct Nic *nic = have->item[k];
		bool wanted = false;
		for (uint32_t i = 0; i < want->count && !wanted; i++)
			wanted = same_nic(want->item[i], nic);
		if (wanted)
			continue;
		struct difference *difference = entry_difference(diffing,
			arena_format(diffing->arena, "spec.nics[%s]", nic->name ? nic->name : nic->mac),
			&type_Nic.fields[Nic_mac], NULL, &nic->mac, diffing->domain->object->at,
			verb_nic_detach);
		difference->have_nic = nic;
		judge(diffing, difference, list_field, NULL, nic, disk_format_raw);
	}
}
