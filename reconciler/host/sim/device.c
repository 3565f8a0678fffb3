/* Devices that come to a guest and go from it. What stops in the middle leaves one with a fault, which only
 * taking it away and giving it again mends. */
#include "host/sim/verb.h"

void disk_attach_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	const struct link *link = link_needed(world, op, links, action->disk_volume, action->disk->vdev);
	if (link)
		op->disk = disk_found(op->arena, action->disk, link);
}

static int64_t disk_index(const struct DomainSpec *spec, const char *vdev)
{
	for (uint32_t i = 0; i < spec->disks.count; i++)
		if (text_equal(((struct Disk *)spec->disks.item[i])->vdev, vdev))
			return i;
	return -1;
}

static void disk_add(struct world *world, struct op *op, enum fault fault)
{
	struct guest *guest = guest_running(world, op);
	if (!guest)
		return;
	struct HaveDomain *have = guest->have;
	bool device_model = KNOWN(have, HaveDomain, deviceModel) && have->deviceModel;
	if (disk_index(have->spec, op->disk->vdev) >= 0)
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 1: disk %s exists", op->disk->vdev);
	else if (op->disk->format != disk_format_raw && !device_model)
		op_fail(op, OUTCOME_TERMINAL, "it takes a restart",
			"exit 1: device model required but not running");
	if (op->failure)
		return;
	struct Disk *disk = object_copy(guest->arena, &type_Disk, op->disk);
	KNOW(disk, Disk, connected, fault == fault_none);
	if (fault != fault_none)
		KNOW(disk, Disk, fault, (int)fault);
	list_add(guest->arena, &have->spec->disks, disk);
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
	struct guest *guest = guest_needed(world, op);
	int64_t index = guest ? disk_index(guest->have->spec, op->disk->vdev) : -1;
	if (index < 0 || !guest_running(world, op))
		return;
	list_remove(&guest->have->spec->disks, (uint32_t)index);
	guest_changed(world, guest);
}

void disk_detach_half(struct world *world, struct op *op)
{
	struct guest *guest = guest_running(world, op);
	int64_t index = guest ? disk_index(guest->have->spec, op->disk->vdev) : -1;
	if (index < 0)
		return;
	struct Disk *disk = guest->have->spec->disks.item[index];
	KNOW(disk, Disk, connected, false);
	KNOW(disk, Disk, fault, fault_half_detached);
	world_acted(world);
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
	if (!world_has_bridge(world, op->nic->bridge))
		op_fail(op, OUTCOME_TERMINAL, "make the bridge in dom0, or name another one",
			"exit 1: there is no bridge %s", op->nic->bridge);
}

/* Each call adds one more, also where there is one with that address. */
static void nic_add(struct world *world, struct op *op, enum fault fault)
{
	struct guest *guest = guest_running(world, op);
	if (!guest)
		return;
	struct list *nics = &guest->have->spec->nics;
	int64_t device = 0;
	for (uint32_t i = 0; i < nics->count; i++)
		if (((struct Nic *)nics->item[i])->device >= device)
			device = ((struct Nic *)nics->item[i])->device + 1;
	struct Nic *nic = object_copy(guest->arena, &type_Nic, op->nic);
	KNOW(nic, Nic, device, device);
	KNOW(nic, Nic, connected, fault == fault_none);
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
	struct guest *guest = guest_needed(world, op);
	int64_t index = guest ? nic_index(guest->have->spec, op->nic) : -1;
	if (index < 0)
		return;
	list_remove(&guest->have->spec->nics, (uint32_t)index);
	guest_changed(world, guest);
}

void nic_detach_half(struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	int64_t index = guest ? nic_index(guest->have->spec, op->nic) : -1;
	if (index < 0)
		return;
	struct Nic *nic = guest->have->spec->nics.item[index];
	KNOW(nic, Nic, connected, false);
	KNOW(nic, Nic, fault, fault_half_detached);
	world_acted(world);
}
