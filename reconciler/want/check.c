/* Rules within one object that no single row of the tables can say: limits that depend on each other, what a
 * type of guest can have, what contradicts itself. A field that did not decode is taken for good here: it has
 * been reported. */
#include "model/cpus.h"
#include "model/node.h"
#include "model/quantity.h"
#include "want/loading.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void check_limits(struct loading *loading, struct loaded *loaded, const struct DomainSpec *spec)
{
	char low[32], high[32];
	if (SET(spec, DomainSpec, maxMemory) && SET(spec, DomainSpec, memory) &&
		spec->maxMemory < spec->memory)
		object_error(loading, loaded, spec->at[DomainSpec_maxMemory], NULL,
			"spec.maxMemory %s is less than spec.memory %s", size_text(spec->maxMemory, low),
			size_text(spec->memory, high));
	if (SET(spec, DomainSpec, maxVcpus) && spec->at[DomainSpec_vcpus] != &mark_broken &&
		spec->maxVcpus < spec->vcpus)
		object_error(loading, loaded, spec->at[DomainSpec_maxVcpus], NULL,
			"spec.maxVcpus %lld is less than spec.vcpus %lld", (long long)spec->maxVcpus,
			(long long)spec->vcpus);
	if (SET(spec, DomainSpec, cpus) && !cpus_canonical(loading->arena, spec->cpus))
		object_error(loading, loaded, spec->at[DomainSpec_cpus], "write ranges upwards, as in 2-5",
			"spec.cpus: '%s' names no cpu", spec->cpus);
}

static void check_boot(struct loading *loading, struct loaded *loaded, const struct DomainSpec *spec)
{
	bool is_hvm = spec->type == domain_type_hvm;
	const struct Boot *boot = spec->boot;
	const struct mark *at = loaded->object.domain->at[Domain_spec];
	if (spec->at[DomainSpec_type] == &mark_broken || spec->at[DomainSpec_boot] == &mark_broken)
		return;
	if (!boot || (!THERE(boot, Boot, kernel) && !THERE(boot, Boot, bootloader))) {
		if (!is_hvm)
			object_error(loading, loaded, boot ? spec->at[DomainSpec_boot] : at,
				"boot: {bootloader: pygrub} takes the kernel from the guest's first disk",
				"a %s guest needs boot.kernel or boot.bootloader",
				choice_domain_type[spec->type]);
		return;
	}
	if (!THERE(boot, Boot, bootloader))
		return;
	if (is_hvm)
		object_error(loading, loaded, boot->at[Boot_bootloader], NULL,
			"spec.boot.bootloader is for pv and pvh guests: an hvm guest boots by its firmware");
	else if (!spec->disks.count && spec->at[DomainSpec_disks] != &mark_broken)
		object_error(loading, loaded, boot->at[Boot_bootloader], NULL,
			"spec.boot.bootloader looks into the first disk, and there is none");
}

/* Letters of a vdev without its partition: 4 of xvda1. */
static size_t vdev_disk_length(const char *vdev)
{
	return strcspn(vdev, "0123456789");
}

/* xvda beside xvda1: the guest's kernel would find two devices where one name is. */
static void check_partition(
	struct loading *loading, struct loaded *loaded, const struct list *disks, uint32_t index)
{
	const struct Disk *disk = disks->item[index];
	size_t length = vdev_disk_length(disk->vdev);
	if (!disk->vdev[length])
		return;
	for (uint32_t i = 0; i < disks->count; i++) {
		const struct Disk *other = disks->item[i];
		if (SET(other, Disk, vdev) && strlen(other->vdev) == length &&
			strncmp(other->vdev, disk->vdev, length) == 0)
			object_error(loading, loaded, disk->at[Disk_vdev],
				also_at(loading, other->at[Disk_vdev]),
				"spec.disks: %s would be a partition of %s, which is a disk of its own",
				disk->vdev, other->vdev);
	}
}

static void check_disk(
	struct loading *loading, struct loaded *loaded, const struct DomainSpec *spec, uint32_t index)
{
	const struct Disk *disk = spec->disks.item[index];
	const struct VolumeUse *use = SET(disk, Disk, volume) ? disk->volume : NULL;
	if (use && SET(use, VolumeUse, chain)) {
		chain_check(loading, loaded, &use->chain,
			disk->access == access_rw && disk->device == device_disk);
		policy_check_chain(loading, loaded, &use->chain);
	}
	if (disk->device == device_cdrom && THERE(disk, Disk, access) && disk->access == access_rw)
		object_error(loading, loaded, disk->at[Disk_access], "leave it out", "a cdrom is read-only");
	if (spec->type == domain_type_hvm || spec->at[DomainSpec_type] == &mark_broken)
		return;
	if (SET(disk, Disk, vdev) && !text_starts(disk->vdev, "xvd"))
		object_error(loading, loaded, disk->at[Disk_vdev], "write xvda, xvdb, ...",
			"%s is for hvm guests: a %s guest has no such devices", disk->vdev,
			choice_domain_type[spec->type]);
	if (SET(disk, Disk, device) && disk->device == device_cdrom)
		object_error(loading, loaded, disk->at[Disk_device], "attach it as a disk with access: ro",
			"cdrom is for hvm guests");
}

static void check_disks(struct loading *loading, struct loaded *loaded, const struct DomainSpec *spec)
{
	for (uint32_t i = 0; i < spec->disks.count; i++) {
		const struct Disk *disk = spec->disks.item[i];
		check_disk(loading, loaded, spec, i);
		if (!SET(disk, Disk, vdev))
			continue;
		check_partition(loading, loaded, &spec->disks, i);
		const struct Config *config = spec->config;
		if (config && config->vdev && strcmp(config->vdev, disk->vdev) == 0)
			object_error(loading, loaded, disk->at[Disk_vdev], "give config another vdev",
				"spec.disks: %s is the config drive's", disk->vdev);
	}
}

/* An address, perhaps with a prefix length that fits it: up to three digits, as its format has made sure. */
static bool is_address(const char *text)
{
	char address[INET6_ADDRSTRLEN + 8];
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t length = strcspn(text, "/");
	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	bool four = inet_pton(AF_INET, address, bytes) == 1;
	if (!four && inet_pton(AF_INET6, address, bytes) != 1)
		return false;
	return !text[length] || strtoul(text + length + 1, NULL, 10) <= (four ? 32u : 128u);
}

static void check_address(struct loading *loading, struct loaded *loaded, const struct mark *at,
	const char *what, const char *address)
{
	if (at && at != &mark_broken && address && !is_address(address))
		object_error(loading, loaded, at, NULL, "%s: '%s' is no IP address", what, address);
}

static void check_nics(struct loading *loading, struct loaded *loaded, const struct DomainSpec *spec)
{
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		const struct Nic *nic = spec->nics.item[i];
		check_address(loading, loaded, nic->at[Nic_ip], "spec.nics.ip", nic->ip);
		if (i && !THERE(nic, Nic, name)) {
			const struct mark *at = type_mark(&type_Nic, nic);
			report_warn(loading->report, at ? at : spec->at[DomainSpec_nics], loaded->object.text,
				arena_format(loading->arena, "add name: eth%u", i),
				"a nic without a name: it takes eth%u from its place, and another MAC when "
				"the order "
				"changes",
				i);
		}
	}
}

/* What an event's action means: does the guest come back by it? */
static bool action_ends(int action)
{
	return action == event_action_destroy || action == event_action_coredump_destroy;
}

static bool action_restarts(int action)
{
	return action == event_action_restart || action == event_action_rename_restart ||
	       action == event_action_coredump_restart;
}

/* Does the action of an event do what `restart` rules out? A reboot is the guest's own wish: only ending it
 * then contradicts a policy that wants the guest up. */
static bool event_contradicts(int event, int action, int restart)
{
	switch (event) {
	case Events_poweroff:
		return restart == restart_Always ? action_ends(action) : action_restarts(action);
	case Events_reboot:
		return restart != restart_Never && action_ends(action);
	default:
		return restart == restart_Never ? action_restarts(action) : action_ends(action);
	}
}

static void check_events(struct loading *loading, struct loaded *loaded, const struct DomainSpec *spec)
{
	const struct Events *events = spec->events;
	if (!events || !SET(spec, DomainSpec, events))
		return;
	if (loading->options->host->supervision != supervision_xl)
		object_error(loading, loaded, spec->at[DomainSpec_events],
			"set supervision: xl in the Host file, or use spec.restart",
			"spec.events needs supervision: xl on this host");
	if (spec->at[DomainSpec_restart] == &mark_broken)
		return;
	for (int i = 0; i < type_Events.count; i++) {
		const struct mark *at = events->at[i];
		int action = *(const int *)field_value(&type_Events.fields[i], events);
		if (!at || at == &mark_broken || !event_contradicts(i, action, spec->restart))
			continue;
		const struct mark *restart = spec->at[DomainSpec_restart];
		object_error(loading, loaded, at, NULL, "spec.events.%s: %s contradicts restart: %s (%s)",
			type_Events.fields[i].key, choice_event_action[action], choice_restart[spec->restart],
			restart ? mark_text(loading->arena, restart) : "the default");
	}
}

static void check_domain(struct loading *loading, struct loaded *loaded)
{
	const struct Domain *domain = loaded->object.domain;
	if (!domain->spec)
		return;
	check_limits(loading, loaded, domain->spec);
	check_boot(loading, loaded, domain->spec);
	check_disks(loading, loaded, domain->spec);
	check_nics(loading, loaded, domain->spec);
	check_events(loading, loaded, domain->spec);
	if (domain->spec->graphics && domain->spec->graphics->vnc)
		check_address(loading, loaded, domain->spec->graphics->vnc->at[Vnc_listen],
			"spec.graphics.vnc.listen", domain->spec->graphics->vnc->listen);
	if (domain->spec->config)
		check_address(loading, loaded, domain->spec->config->at[Config_address],
			"spec.config.address", domain->spec->config->address);
	policy_check_domain(loading, loaded);
	if (!loaded->object.elsewhere)
		config_check(loading, loaded);
}

void check_object(struct loading *loading, struct loaded *loaded)
{
	const struct object *object = &loaded->object;
	switch (object->kind) {
	case KIND_DOMAIN:
		check_domain(loading, loaded);
		break;
	case KIND_VOLUME:
		if (object->volume->spec && SET(object->volume->spec, VolumeSpec, chain)) {
			chain_check(loading, loaded, &object->volume->spec->chain, false);
			policy_check_chain(loading, loaded, &object->volume->spec->chain);
		}
		break;
	case KIND_IMAGE:
		policy_check_image(loading, loaded);
		break;
	default:
		break;
	}
	const struct Metadata *metadata = loaded_metadata(loaded);
	if (metadata && SET(metadata, Metadata, renamedFrom) && SET(metadata, Metadata, name) &&
		strcmp(metadata->renamedFrom, metadata->name) == 0)
		object_error(loading, loaded, metadata->at[Metadata_renamedFrom], "leave it out",
			"metadata.renamedFrom is the name that the object has");
}
