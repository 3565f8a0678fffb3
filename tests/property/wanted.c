/* What is looked at: domains with their devices, volumes, records and marks, one by one against what is
 * wanted. Of what a plan leaves with a reason only that reason is asked for. */
#include "tests/property/wanted.h"
#include "model/chain.h"
#include "model/drive.h"
#include "state/record.h"
#include <string.h>

/* The lines of one text that another does not have. */
static const char *only_in(struct scene *scene, const char *text, const char *other)
{
	BUFFER_SCOPED out = {0};
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		const char *line = arena_copy(scene->arena, text, (size_t)(end - text) + 1);
		if (!strstr(other, line))
			buffer_text(&out, line);
	}
	return arena_text(scene->arena, buffer_string(&out));
}

const char *foreign_is_untouched(struct scene *scene)
{
	if (*scene->machine->forbidden)
		return fail(scene, "forbidden: %s", scene->machine->forbidden);
	const char *now = described(scene, true);
	if (strcmp(now, scene->foreign) == 0)
		return NULL;
	return fail(scene, "what is not ours was touched:\n%sinstead of\n%s",
		only_in(scene, now, scene->foreign), only_in(scene, scene->foreign, now));
}

static bool is_left(const struct plan *plan, const char *object)
{
	for (uint32_t i = 0; i < plan->changes.count; i++)
		if (strcmp(((struct change *)plan->changes.item[i])->object, object) == 0)
			return true;
	return false;
}

static const char *unknown_field(const struct change *change)
{
	for (uint32_t i = 0; i < change->difference_count; i++)
		if (change->differences[i].unknown)
			return change->differences[i].path;
	return "as a whole";
}

const char *next_plan(struct scene *scene, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->actions.count)
			return fail(scene, "the next plan would still do something: %s (%s)",
				((struct action *)change->actions.item[0])->text, change->object);
		if (!change->reason || change->allowed || change->cause == CAUSE_NONE)
			return fail(scene, "%s is left without a reason", change->object);
		if (change->kind == CHANGE_UNKNOWN && !change->have_volume)
			return fail(scene, "%s is not known (%s): %s", change->object, unknown_field(change),
				change->reason);
	}
	return NULL;
}

static const struct Disk *disk_named(const struct DomainSpec *spec, const char *vdev)
{
	for (uint32_t i = 0; i < spec->disks.count; i++)
		if (strcmp(((struct Disk *)spec->disks.item[i])->vdev, vdev) == 0)
			return spec->disks.item[i];
	return NULL;
}

static unsigned nics_with(const struct DomainSpec *spec, const struct Nic *want)
{
	unsigned count = 0;
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		const struct Nic *nic = spec->nics.item[i];
		count += text_equal(nic->mac, want->mac) && text_equal(nic->bridge, want->bridge);
	}
	return count;
}

/* Every layer has the size that is wanted of it, what only follows that of what it stands on, and the guest
 * sees it. */
static const char *sizes_are_as_wanted(struct scene *scene, const struct wanted_volume *want,
	const struct HaveVolume *have, const struct Disk *disk)
{
	const struct LayerFound *layer = NULL, *below = NULL;
	for (uint32_t i = 0; i < have->chain.count && i < want->chain.count; i++, below = layer) {
		const struct field *field;
		const struct mark *at;
		const int64_t *size = layer_size(want->chain.item[i], &field, &at);
		const struct LayerFound *row = have->label->chain.item[i];
		const struct layer_row *kind = layer_row_of(want->chain.item[i]);
		layer = have->chain.item[i];
		if (size && (layer->size != *size || row->size != *size))
			return fail(scene,
				"%s: layer %u has %lld bytes, its label says %lld, wanted are %lld",
				want->name, i, (long long)layer->size, (long long)row->size,
				(long long)*size);
		if (layer->open && below && below->size > layer->size && kind->grows != GROWS_NOT &&
			kind->grows != GROWS_TO_SIZE)
			return fail(scene, "%s: layer %u (%s) has not grown", want->name, i, kind->key);
	}
	if (disk && layer && KNOWN(disk, Disk, size) && disk->size != layer->size)
		return fail(scene, "%s: the guest sees %lld bytes of %lld", want->name, (long long)disk->size,
			(long long)layer->size);
	return NULL;
}

static const char *devices_are_as_wanted(struct scene *scene, const struct have *have,
	const struct plan *plan, const struct wanted_domain *want, const struct DomainSpec *spec)
{
	/* a config drive comes and goes: whether it is there is for the plan to say */
	uint32_t disks = spec->disks.count;
	for (uint32_t i = 0; want->config && i < spec->disks.count; i++)
		disks -= drive_is(spec->disks.item[i], want->uid);
	if (disks != want->disks.count || spec->nics.count != want->spec->nics.count)
		return fail(scene, "%s has %u disks and %u nics, wanted are %u and %u", want->name,
			spec->disks.count, spec->nics.count, want->disks.count, want->spec->nics.count);
	for (uint32_t i = 0; i < want->disks.count; i++) {
		const struct wanted_disk *wanted = want->disks.item[i];
		const struct Disk *disk = disk_named(spec, wanted->disk->vdev);
		const struct HaveVolume *volume = have_volume(have, wanted->volume->uid);
		const struct LayerFound *top =
			volume && volume->chain.count ? volume->chain.item[volume->chain.count - 1] : NULL;
		if (!disk || !top || volume->state != volume_state_complete)
			return fail(scene, "%s: disk %s or its volume is not there", want->name,
				wanted->disk->vdev);
		if (!text_equal(disk->target, top->path) || disk->access != wanted->disk->access)
			return fail(scene, "%s: disk %s is another or has another access", want->name,
				wanted->disk->vdev);
		const char *sizes =
			is_left(plan, arena_format(scene->arena, "Volume/%s", wanted->volume->name))
				? NULL
				: sizes_are_as_wanted(scene, wanted->volume, volume, disk);
		if (sizes)
			return sizes;
	}
	for (uint32_t i = 0; i < want->spec->nics.count; i++)
		if (nics_with(spec, want->spec->nics.item[i]) != 1)
			return fail(scene, "%s: nic %s is there %u times", want->name,
				((struct Nic *)want->spec->nics.item[i])->name,
				nics_with(spec, want->spec->nics.item[i]));
	return NULL;
}

static const char *domain_is_as_wanted(struct scene *scene, const struct have *have, const struct plan *plan,
	const struct wanted_domain *want)
{
	const struct HaveDomain *found = NULL;
	unsigned count = 0;
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		const struct HaveDomain *domain = have->found->domains.item[i];
		if (strcmp(domain->uuid, want->uid) == 0)
			count++, found = domain;
	}
	unsigned wanted = want->spec->power == power_Running;
	if (count != wanted)
		return fail(scene, "%s is there %u times, wanted %u times", want->name, count, wanted);
	if (!wanted)
		return NULL;
	const struct DomainSpec *spec = found->spec;
	if (!found->owned || !spec || found->power != found_power_Running)
		return fail(scene, "%s does not run, or is not whole", want->name);
	if (strcmp(found->name, want->xen_name) != 0 || (int)spec->type != want->spec->type)
		return fail(scene, "%s has another name or type", want->name);
	if (spec->memory != want->spec->memory || spec->vcpus != want->spec->vcpus)
		return fail(scene, "%s has other memory or vcpus than wanted", want->name);
	if (want->spec->at[DomainSpec_maxMemory] && spec->maxMemory != want->spec->maxMemory)
		return fail(scene, "%s has another maxMemory than wanted", want->name);
	if (found->mark->protect != want->object->domain->metadata->protect)
		return fail(scene, "%s: its protection is not recorded", want->name);
	return devices_are_as_wanted(scene, have, plan, want, spec);
}

/* Its object has another uid now: what it had before is kept. */
static bool is_former(const struct want *want, const char *name)
{
	for (uint32_t i = 0; i < want->volumes.count; i++)
		if (text_equal(((struct wanted_volume *)want->volumes.item[i])->name, name))
			return true;
	return false;
}

static bool is_used(const struct have *have, const struct HaveVolume *volume)
{
	const struct LayerFound *top =
		volume->chain.count ? volume->chain.item[volume->chain.count - 1] : NULL;
	for (uint32_t i = 0; top && i < have->found->domains.count; i++) {
		const struct DomainSpec *spec = ((struct HaveDomain *)have->found->domains.item[i])->spec;
		for (uint32_t k = 0; spec && k < spec->disks.count; k++)
			if (text_equal(((struct Disk *)spec->disks.item[k])->target, top->path))
				return true;
	}
	return false;
}

/* Ours, and nothing names it, and nothing said why it stays. */
static const char *nothing_is_left_over(struct scene *scene, const struct have *have, const struct plan *plan)
{
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		const struct HaveDomain *domain = have->found->domains.item[i];
		if (!domain->owned || want_names(scene->want, domain->uuid))
			continue;
		if (!is_left(plan, arena_format(scene->arena, "Domain/%s", domain->mark->name)) &&
			!is_left(plan, arena_format(scene->arena, "Domain/%s", domain->uuid)))
			return fail(
				scene, "domain %s is left over", domain->name ? domain->name : domain->uuid);
	}
	for (uint32_t i = 0; i < have->found->volumes.count; i++) {
		const struct HaveVolume *volume = have->found->volumes.item[i];
		const char *domain = volume->label->domain;
		bool kept = volume->label->reclaim == reclaim_Retain || volume->label->protect ||
			    is_used(have, volume) || is_former(scene->want, volume->name);
		if (kept || want_names(scene->want, volume->uid) ||
			(domain && (want_names(scene->want, domain) || have_domain(have, domain))))
			continue;
		if (!is_left(plan, arena_format(scene->arena, "Volume/%s", volume->name)) &&
			!is_left(plan, arena_format(scene->arena, "Volume/%s", volume->uid)))
			return fail(scene, "volume %s is left over", volume->name);
	}
	return NULL;
}

/* Is it for a guest that is to run? */
static bool is_for_a_guest(const struct want *want, const char *uid)
{
	for (uint32_t i = 0; i < want->domains.count; i++) {
		const struct wanted_domain *domain = want->domains.item[i];
		for (uint32_t k = 0; domain->spec->power != power_Stopped && k < domain->disks.count; k++) {
			const struct wanted_disk *disk = domain->disks.item[k];
			if (disk->volume && text_equal(disk->volume->uid, uid))
				return true;
		}
	}
	return false;
}

/* A device is bound, or a filesystem mounted, only for a guest; one whose disks are not known may have any.
 */
static const char *nothing_is_left_open(struct scene *scene, const struct have *have, const struct plan *plan)
{
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		const struct DomainSpec *spec =
			((const struct HaveDomain *)have->found->domains.item[i])->spec;
		if (!spec || !KNOWN(spec, DomainSpec, disks))
			return NULL;
	}
	for (uint32_t i = 0; i < have->found->volumes.count; i++) {
		const struct HaveVolume *volume = have->found->volumes.item[i];
		bool open = false;
		for (uint32_t k = 0; k < volume->chain.count; k++)
			open |= ((const struct LayerFound *)volume->chain.item[k])->open;
		if (open && !is_used(have, volume) && !is_for_a_guest(scene->want, volume->uid) &&
			!is_left(plan, arena_format(scene->arena, "Volume/%s", volume->name)))
			return fail(scene, "volume %s is open, and nobody has it", volume->name);
	}
	return NULL;
}

static bool is_elsewhere(const struct want *want, const char *name)
{
	const struct object *object = want_object(want, KIND_DOMAIN, name);
	return object && object->elsewhere;
}

/* No record without its domain, none that says something else than the mark that stands with the host. */
static const char *records_fit(struct scene *scene, const struct plan *left)
{
	const struct applying applying = {.owner = "default"}; /* marks alone */
	HAVE_SCOPED have = NULL;
	struct plan *plan = machine_plan(scene->machine, scene->want, &applying, &have);
	plan_free(plan);
	REPORT_SCOPED report = report_new();
	struct list records = {0};
	if (!record_list(scene->arena, scene->machine->state_dir, &records, report))
		return fail(scene, "the records cannot be read");
	for (uint32_t i = 0; i < records.count; i++) {
		const struct record_entry *entry = records.item[i];
		const struct HaveDomain *domain = have_domain(have, entry->uuid);
		bool stays = entry->record->protect || is_elsewhere(scene->want, entry->record->name);
		if (is_left(left, arena_format(scene->arena, "Domain/%s", entry->record->name)))
			continue;
		bool waits = false; /* by its uid: the record may say the name it had before */
		for (uint32_t k = 0; k < scene->want->domains.count; k++) {
			const struct wanted_domain *wanted = scene->want->domains.item[k];
			waits |= strcmp(wanted->uid, entry->uuid) == 0 && is_left(left, wanted->object->text);
		}
		if (waits)
			continue;
		if (!domain && !stays)
			return fail(scene, "a record of %s is left over", entry->record->name);
		if (!domain)
			continue;
		const char *record = record_text(scene->arena, entry->record);
		if (!domain->mark || strcmp(record, record_text(scene->arena, domain->mark)) != 0)
			return fail(scene, "the record and the mark of %s differ", entry->record->name);
	}
	return NULL;
}

/* All of it, of the world as it is now. */
const char *is_as_wanted(struct scene *scene, bool *blocked)
{
	const struct applying applying = everything(scene);
	HAVE_SCOPED have = NULL;
	struct plan *plan = machine_plan(scene->machine, scene->want, &applying, &have);
	const char *failure = next_plan(scene, plan);
	*blocked = !plan_empty(plan);
	for (uint32_t i = 0; !failure && i < scene->want->domains.count; i++) {
		const struct wanted_domain *domain = scene->want->domains.item[i];
		if (!is_left(plan, domain->object->text))
			failure = domain_is_as_wanted(scene, have, plan, domain);
	}
	for (uint32_t i = 0; !failure && i < scene->want->volumes.count; i++) {
		const struct wanted_volume *volume = scene->want->volumes.item[i];
		const struct HaveVolume *found = have_volume(have, volume->uid);
		if (!volume->vdev && found && found->state == volume_state_complete &&
			!is_left(plan, arena_format(scene->arena, "Volume/%s", volume->name)))
			failure = sizes_are_as_wanted(scene, volume, found, NULL);
	}
	if (!failure)
		failure = nothing_is_left_over(scene, have, plan);
	if (!failure)
		failure = nothing_is_left_open(scene, have, plan);
	if (!failure)
		failure = records_fit(scene, plan);
	plan_free(plan);
	return failure;
}

/* The same without what is blocked: how far it got before that depends on the way. */
static const char *but_blocked(struct scene *scene, const char *text)
{
	const struct applying applying = everything(scene);
	HAVE_SCOPED have = NULL;
	BUFFER_SCOPED out = {0};
	struct plan *plan = machine_plan(scene->machine, scene->want, &applying, &have);
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		const char *line = arena_copy(scene->arena, text, (size_t)(end - text) + 1);
		bool blocked = false;
		for (uint32_t i = 0; i < plan->changes.count; i++) {
			const struct change *change = plan->changes.item[i];
			const char *uid = change->domain        ? change->domain->uid
					  : change->have        ? change->have->uuid
					  : change->volume      ? change->volume->uid
					  : change->have_volume ? change->have_volume->uid
								: change->object;
			blocked |= strstr(line, uid) != NULL;
			/* a guest of this name under another uid waits with it */
			blocked |= change->have && strstr(line, change->have->uuid) != NULL;
		}
		if (!blocked)
			buffer_text(&out, line);
	}
	plan_free(plan);
	return arena_text(scene->arena, buffer_string(&out));
}

const char *same_end(struct scene *scene)
{
	bool blocked;
	const char *failure = is_as_wanted(scene, &blocked);
	if (!failure)
		failure = foreign_is_untouched(scene);
	if (failure)
		return failure;
	const char *now = described(scene, false);
	const char *more = but_blocked(scene, only_in(scene, now, scene->reference));
	const char *less = but_blocked(scene, only_in(scene, scene->reference, now));
	if (!*more && !*less)
		return NULL;
	return fail(scene, "it came to another end:\n%sinstead of\n%s", more, less);
}
