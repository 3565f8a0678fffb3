/* Effects that depend on what is there. The table of docs/manifests.md, "What a change does", row by row. */
#include "model/effect.h"
#include <string.h>

/* Live up to the limit that the guest was created with; a limit that is not known counts as reached. */
enum level effect_memory(const struct circumstances *at)
{
	const struct DomainSpec *have = at->have;
	int64_t limit = have->at[DomainSpec_maxMemory] ? have->maxMemory : have->memory;
	return at->want->memory <= limit ? level_live : level_restart;
}

enum level effect_vcpus(const struct circumstances *at)
{
	const struct DomainSpec *have = at->have;
	int64_t limit = have->at[DomainSpec_maxVcpus] ? have->maxVcpus : have->vcpus;
	return at->want->vcpus <= limit ? level_live : level_restart;
}

/* xvd* come and go live; a qcow2 needs a QEMU, which a PV guest has only if it was created with one; hd* and
 * sd* are the emulated controllers of hvm, which take no disk at run time. */
enum level effect_disk(const struct circumstances *at)
{
	const struct Disk *want = at->want_entry, *have = at->have_entry;
	const char *vdev = want ? want->vdev : have->vdev;
	if (strncmp(vdev, "xvd", 3) != 0)
		return level_restart;
	if (want && at->format != disk_format_raw && !at->device_model)
		return level_restart;
	return want && have ? level_reattach : level_live;
}

enum level effect_nic(const struct circumstances *at)
{
	return at->want_entry && at->have_entry ? level_reattach : level_live;
}

enum level effect_fault(enum fault fault, bool connected)
{
	return connected || fault == fault_half_detached ? level_reattach : level_live;
}

/* Under a guest: a program that has a qcow2 open does not see what another one does to it. */
enum level effect_grow(const struct circumstances *at)
{
	return at->format == disk_format_raw ? level_live : level_restart;
}

enum level effect_base(const struct circumstances *at)
{
	(void)at;
	return level_data_loss;
}

enum level effect_chain(const struct circumstances *at)
{
	(void)at;
	return level_data_loss;
}

enum level field_effect(const struct field *field, const struct circumstances *at)
{
	return field->by ? field->by(at) : field->effect;
}
