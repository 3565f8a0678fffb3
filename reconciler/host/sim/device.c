/* Devices that come to a guest and go from it. What stops in the middle leaves one with a fault, which only
 * taking it away and giving it again mends. */
#include "host/sim/verb.h"

static int64_t disk_index(const struct DomainSpec *spec, const char *vdev)
{
	for (uint32_t i = 0; i < spec->disks.count; i++)
		if (text_equal(((struct Disk *)spec->disks.item[i])->vdev, vdev))
			return i;
	return -1;
}

/* What the guest has as it is meant to be is left alone, even where its file has lost its name. */
static bool has_disk(const struct guest *guest, const struct Disk *disk, const struct link *link)
{
	const struct DomainSpec *spec = guest->have->spec;
	const int64_t index = link && spec ? disk_index(spec, disk->vdev) : -1;
	const struct Disk *there = index < 0 ? NULL : spec->disks.item[index];
	return there && !KNOWN(there, Disk, fault) && text_equal(there->target, link->path) &&
	       there->access == disk->access;
}

void disk_attach_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	const struct guest *guest = guest_changeable(world, op);
	op->is_drive = action->config != NULL;
	if (!guest)
		return;
	const struct link *link =
		action->disk_volume && links ? links_find(links, action->disk_volume->uid) : NULL;
	if (!has_disk(guest, action->disk, link))
		link = link_needed(world, op, links, action->disk_volume, action->disk->vdev);
	if (link)
		op->disk = disk_found(op->arena, action->disk, link);
}

/* A device that came by halves is taken away first, one that is as it is meant to be is left alone. */
static bool disk_makes_room(struct op *op, struct DomainSpec *spec)
{
	const int64_t index = disk_index(spec, op->disk->vdev);
	if (index < 0)
		return true;
	const struct Disk *there = spec->disks.item[index];
	if (!KNOWN(there, Disk, fault) && text_equal(there->target, op->disk->target) &&
		there->access == op->disk->access)
		return false;
	if (!KNOWN(there, Disk, fault))
		op_fail(op, OUTCOME_TRANSIENT, NULL, "disk %s is there already", op->disk->vdev);
	else
		list_remove(&spec->disks, (uint32_t)index);
	return !op->failure;
}

static void disk_add(struct world *world, struct op *op, enum fault fault)
{
	struct guest *guest = guest_changeable(world, op);
	if (!guest || !disk_makes_room(op, guest->have->spec))
		return;
	if (op->is_drive && word_is_early(op, guest))
		return;
	const bool device_model = KNOWN(guest->have, HaveDomain, deviceModel) && guest->have->deviceModel;
	if (op->disk->format != disk_format_raw && !device_model)
		op_fail(op, OUTCOME_TERMINAL, "a restart gives it one",
			"disk %s is a qcow2, and the guest has no QEMU to serve it", op->disk->vdev);
	else if (op->disk->format != disk_format_raw && op->disk->access == access_ro)
		op_fail(op, OUTCOME_TERMINAL, "give it a raw file, or access: rw",
			"disk %s: QEMU cannot open a qcow2 read-only for a guest", op->disk->vdev);
	else if (!disk_served(world, op->disk))
		op_fail(op, OUTCOME_TRANSIENT, NULL, "disk %s is not served: Image is not in qcow2 format",
			op->disk->vdev);
	if (op->failure)
		return;
	struct Disk *disk = object_copy(guest->arena, &type_Disk, op->disk);
	/* a paused guest connects when it wakes */
	KNOW(disk, Disk, connected, fault == fault_none && guest->have->power == found_power_Running);
	if (fault != fault_none)
		KNOW(disk, Disk, fault, (int)fault);
	list_add(guest->arena, &guest->have->spec->disks, disk);
	if (op->is_drive)
		word_asked(world, guest);
	guest_changed(world, guest);
}

void disk_attach_effect(struct world *world, struct op *op)
{
	disk_add(world, op, fault_none);
}

void disk_attach_half(struct world *world, struct op *op)
{
	disk_add(world, op, op->disk->format == disk_format_raw ? fault_hotplug : fault_unserved);
}

void disk_detach_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)world, (void)links;
	op->disk = object_copy(op->arena, &type_Disk, action->disk);
}

void disk_detach_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	int64_t index = guest ? disk_index(guest->have->spec, op->disk->vdev) : -1;
	if (index < 0)
		return;
	list_remove(&guest->have->spec->disks, (uint32_t)index);
	guest_changed(world, guest);
}

void disk_detach_half(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	int64_t index = guest ? disk_index(guest->have->spec, op->disk->vdev) : -1;
	if (index < 0)
		return;
	struct Disk *disk = guest->have->spec->disks.item[index];
	KNOW(disk, Disk, connected, false);
	KNOW(disk, Disk, fault, fault_half_detached);
	world_acted(world);
}

void disk_grow_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	const struct link *link = NULL;
	op->disk = object_copy(op->arena, &type_Disk, action->disk);
	if (guest_changeable(world, op))
		link = link_needed(world, op, links, action->disk_volume, action->disk->vdev);
	if (link)
		KNOW(op->disk, Disk, size, link->size);
	if (link && link->format != disk_format_raw)
		op_fail(op, OUTCOME_TERMINAL, "a restart opens it anew",
			"disk %s is served by a QEMU, which keeps the size that it found", op->disk->vdev);
}

void disk_grow_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	int64_t index = guest ? disk_index(guest->have->spec, op->disk->vdev) : -1;
	struct Disk *disk = index < 0 ? NULL : guest->have->spec->disks.item[index];
	if (guest && !disk)
		op_fail(op, OUTCOME_TRANSIENT, NULL, "there is no disk %s", op->disk->vdev);
	if (!disk)
		return;
	KNOW(disk, Disk, size, op->disk->size);
	guest_changed(world, guest);
}

void nic_change_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)links;
	if (op->verb == verb_nic_detach) {
		op->nic = object_copy(op->arena, &type_Nic, action->nic);
		return;
	}
	op->nic = nic_found(op->arena, action->nic, 0);
	if (guest_changeable(world, op) && !world_has_bridge(world, op->nic->bridge))
		op_fail(op, OUTCOME_TERMINAL, "make the bridge in dom0, or name another one",
			"exit 1: there is no bridge %s", op->nic->bridge);
}

/* As disk_makes_room, by the address. */
static bool nic_makes_room(struct op *op, struct DomainSpec *spec)
{
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		const struct Nic *there = spec->nics.item[i];
		if (!op->nic->mac || !text_equal(there->mac, op->nic->mac))
			continue;
		if (!KNOWN(there, Nic, fault) && text_equal(there->bridge, op->nic->bridge))
			return false;
		if (!KNOWN(there, Nic, fault))
			op_fail(op, OUTCOME_TRANSIENT, NULL, "nic %lld has the address %s already, on %s",
				(long long)there->device, there->mac, there->bridge);
		else
			list_remove(&spec->nics, i);
		return !op->failure;
	}
	return true;
}

static void nic_add(struct world *world, struct op *op, enum fault fault)
{
	struct guest *guest = guest_changeable(world, op);
	if (!guest || !nic_makes_room(op, guest->have->spec))
		return;
	struct list *nics = &guest->have->spec->nics;
	int64_t device = 0;
	for (uint32_t i = 0; i < nics->count; i++)
		if (((struct Nic *)nics->item[i])->device >= device)
			device = ((struct Nic *)nics->item[i])->device + 1;
	struct Nic *nic = object_copy(guest->arena, &type_Nic, op->nic);
	KNOW(nic, Nic, device, device);
	KNOW(nic, Nic, connected, fault == fault_none && guest->have->power == found_power_Running);
	if (fault != fault_none)
		KNOW(nic, Nic, fault, (int)fault);
	list_add(guest->arena, nics, nic);
	guest_changed(world, guest);
}

void nic_attach_effect(struct world *world, struct op *op)
{
	nic_add(world, op, fault_none);
}

void nic_attach_half(struct world *world, struct op *op)
{
	nic_add(world, op, fault_hotplug);
}

static int64_t nic_index(const struct DomainSpec *spec, const struct Nic *nic)
{
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		const struct Nic *found = spec->nics.item[i];
		bool same_device = KNOWN(nic, Nic, device) && found->device == nic->device;
		bool same_mac = !KNOWN(nic, Nic, device) && nic->mac && text_equal(found->mac, nic->mac);
		if (same_device || same_mac)
			return i;
	}
	return -1;
}

void nic_detach_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	int64_t index = guest ? nic_index(guest->have->spec, op->nic) : -1;
	if (index < 0)
		return;
	list_remove(&guest->have->spec->nics, (uint32_t)index);
	guest_changed(world, guest);
}

void nic_detach_half(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	int64_t index = guest ? nic_index(guest->have->spec, op->nic) : -1;
	if (index < 0)
		return;
	struct Nic *nic = guest->have->spec->nics.item[index];
	KNOW(nic, Nic, connected, false);
	KNOW(nic, Nic, fault, fault_half_detached);
	world_acted(world);
}
