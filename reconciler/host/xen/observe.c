/* Observation of a Xen host. `xl list -v` says which domains exist: if it fails, nothing is known. `xl list
 * -l` says what they are, without a word about those it cannot describe; what it said is kept (cache.c).
 * xenstore says how their devices are. All are read one after another on a host that goes on moving, so what
 * does not fit together stays unknown.
 *
 *   seen                                                      power            halfBuilt
 *   not listed, an xl of ours makes or watches it             not known        not known
 *   paused, not described, an xl that may be building it      not known        not known
 *   paused, not described, no such xl                         Paused           true
 *   paused, described, nameless                               Paused           true
 *   stopped, its monitor lives and will restart or leave it   not known        false
 *   anything else                                             as listed        false
 */
#include "base/file.h"
#include "host/xen/answer.h"
#include "host/xen/dom0.h"
#include "host/xen/loops.h"
#include "host/xen/xen.h"
#include "host/xen/xl_cpus.h"
#include "host/xen/xl_describe.h"
#include "model/format.h"
#include "model/node.h"
#include "model/quantity.h"
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { LIST_DEADLINE = 10000 /* ms */ };

static void know_bridges(struct have *have, struct HostFacts *facts)
{
	glob_t found;
	if (glob("/sys/class/net/*/bridge", GLOB_NOESCAPE, NULL, &found) != 0)
		found.gl_pathc = 0;
	facts->bridges.item = arena_array(have->arena, const char *, found.gl_pathc);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = found.gl_pathv[i] + strlen("/sys/class/net/");
		facts->bridges.item[i] = arena_copy(have->arena, name, strcspn(name, "/"));
	}
	facts->bridges.count = (uint32_t)found.gl_pathc;
	facts->at[HostFacts_bridges] = &mark_observed;
	if (found.gl_pathc)
		globfree(&found);
}

static void know_limits(struct have *have, struct HostFacts *facts)
{
	facts->cannot.item = arena_array(have->arena, const char *, VERBS);
	for (int i = 1; i < VERBS; i++)
		if (verb_table[i].performer == PERFORMER_HOST && !xen_can((enum verb)i))
			facts->cannot.item[facts->cannot.count++] = verb_table[i].verb;
	facts->at[HostFacts_cannot] = &mark_observed;
}

/* The value of a line "key   : value" of xl info, NULL if there is none. */
static const char *info_value(struct arena *arena, const char *text, const char *key)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t size = strcspn(line, " :\n");
		if (size != strlen(key) || strncmp(line, key, size) != 0)
			continue;
		const char *value = line + strcspn(line, ":\n");
		value += *value == ':';
		value += strspn(value, " ");
		return arena_copy(arena, value, strcspn(value, "\n"));
	}
	return NULL;
}

static int64_t info_number(struct arena *arena, const char *text, const char *key)
{
	const char *value = info_value(arena, text, key);
	return store_decimal(value);
}

static bool know_host(struct xen_host *xen, struct have *have, const struct list *listed)
{
	struct HostFacts *facts = have->found->host;
	char name[256] = "";
	const char *info = cache_info(xen->cache, have->arena, listed, runner_now(), &have->why_unknown);
	if (!info)
		return false;
	if (gethostname(name, sizeof(name) - 1) == 0)
		KNOW(facts, HostFacts, name, arena_text(have->arena, name));
	KNOW(facts, HostFacts, owner, arena_text(have->arena, xen->owner));
	KNOW(facts, HostFacts, driver, "xen");
	const char *version = info_value(have->arena, info, "xen_version");
	int64_t cpus = info_number(have->arena, info, "nr_cpus");
	int64_t memory = info_number(have->arena, info, "total_memory");
	int64_t left = info_number(have->arena, info, "free_memory");
	if (version)
		KNOW(facts, HostFacts, xen, version);
	if (cpus >= 0)
		KNOW(facts, HostFacts, cpus, cpus);
	if (memory >= 0)
		KNOW(facts, HostFacts, memory, memory * MiB);
	if (left >= 0)
		KNOW(facts, HostFacts, free, left * MiB);
	know_bridges(have, facts);
	know_limits(have, facts);
	return true;
}

static void know_mark(struct xen_host *xen, struct have *have, struct HaveDomain *domain)
{
	const char *text = store_mark(xen->store, have->arena, xen->owner, domain->uuid);
	REPORT_SCOPED report = report_new();
	struct decode_options options = {.mark = &mark_observed};
	struct node *node = text ? node_from_json(have->arena, text, strlen(text), NULL, report) : NULL;
	struct Record *record = node ? decode(have->arena, &type_Record, node, &options, report) : NULL;
	if (record)
		KNOW(domain, HaveDomain, mark, record);
}

static void know_disk(struct have *have, struct Disk *disk, const struct list *devices)
{
	int64_t size = -1;
	for (uint32_t i = 0; i < devices->count; i++) {
		const struct store_device *device = devices->item[i];
		if (!text_equal(device->vdev, disk->vdev))
			continue;
		if (device->state != BACKEND_ABSENT)
			KNOW(disk, Disk, connected, device->state == BACKEND_CONNECTED);
		/* of a file it is the loop device that xl made; what a QEMU has found, only that knows */
		if (!device->qdisk)
			size = block_size(have->arena, "", device->node ? device->node : device->target);
		disk->fault = (int)device->fault;
		disk->at[Disk_fault] = device->fault != fault_none ? &mark_observed : NULL;
	}
	const char *id = disk->target ? path_id(have->arena, disk->target) : NULL;
	if (id)
		KNOW(disk, Disk, id, id);
	if (size > 0)
		KNOW(disk, Disk, size, size);
}

static void know_nic(struct Nic *nic, const struct list *devices)
{
	for (uint32_t i = 0; KNOWN(nic, Nic, device) && i < devices->count; i++) {
		const struct store_device *device = devices->item[i];
		if (device->number != nic->device)
			continue;
		if (device->state != BACKEND_ABSENT)
			KNOW(nic, Nic, connected, device->state == BACKEND_CONNECTED);
		nic->fault = (int)device->fault;
		nic->at[Nic_fault] = device->fault != fault_none ? &mark_observed : NULL;
	}
}

static void know_devices(struct xen_host *xen, struct have *have, const struct HaveDomain *domain)
{
	struct DomainSpec *spec = domain->spec;
	struct list disks = store_devices(xen->store, have->arena, domain->domid, "vbd");
	struct list nics = store_devices(xen->store, have->arena, domain->domid, "vif");
	for (uint32_t i = 0; i < spec->disks.count; i++)
		know_disk(have, spec->disks.item[i], &disks);
	for (uint32_t i = 0; i < spec->nics.count; i++)
		know_nic(spec->nics.item[i], &nics);
	/* of an hvm guest xl tells the vcpus that QEMU has, which never become fewer */
	const int64_t vcpus = spec->type == domain_type_hvm ? store_vcpus(xen->store, domain->domid) : 0;
	if (vcpus > 0)
		KNOW(spec, DomainSpec, vcpus, vcpus);
}

static bool may_be_coming(enum fault fault)
{
	return fault == fault_unserved || fault == fault_hotplug;
}

static bool has_coming_devices(const struct HaveDomain *domain)
{
	const struct DomainSpec *spec = domain->spec;
	bool coming = false;
	for (uint32_t i = 0; spec && i < spec->disks.count; i++)
		coming |= may_be_coming((enum fault)((struct Disk *)spec->disks.item[i])->fault);
	for (uint32_t i = 0; spec && i < spec->nics.count; i++)
		coming |= may_be_coming((enum fault)((struct Nic *)spec->nics.item[i])->fault);
	return coming;
}

/* What somebody attaches just now looks for a moment like what will never come: a second look tells, and for
 * as long as a hotplug script works for the guest nothing is said of its devices. */
static void look_again(struct xen_host *xen, struct have *have)
{
	enum { COMING_SECONDS = 1 };
	bool waited = false;
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		const struct HaveDomain *domain = have->found->domains.item[i];
		if (!has_coming_devices(domain))
			continue;
		if (!waited)
			(void)nanosleep(&(struct timespec){.tv_sec = COMING_SECONDS}, NULL);
		waited = true;
		const bool works = hotplug_runs("", domain->domid) > 0;
		know_devices(xen, have, domain);
		for (uint32_t k = 0; k < domain->spec->disks.count; k++) {
			struct Disk *disk = domain->spec->disks.item[k];
			if (works && may_be_coming((enum fault)disk->fault))
				disk->at[Disk_fault] = NULL;
		}
		for (uint32_t k = 0; k < domain->spec->nics.count; k++) {
			struct Nic *nic = domain->spec->nics.item[k];
			if (works && may_be_coming((enum fault)nic->fault))
				nic->at[Nic_fault] = NULL;
		}
	}
}

/* Pinning: `xl list -l` says what it was at creation. */
static void know_cpus(struct xen_host *xen, struct have *have, const struct list *listed)
{
	const char *error = NULL;
	struct list affinities = {0};
	const char *text = cache_vcpus(xen->cache, have->arena, listed, runner_now(), &error);
	const bool known = text && xl_affinities(have->arena, text, &affinities);
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		const struct HaveDomain *domain = have->found->domains.item[i];
		const char *cpus = known ? xl_affinity(&affinities, domain->domid) : NULL;
		if (!domain->spec)
			continue;
		domain->spec->at[DomainSpec_cpus] = NULL;
		domain->spec->cpus = "all";
		if (cpus)
			KNOW(domain->spec, DomainSpec, cpus, arena_text(have->arena, cpus));
	}
}

/* domids are used again: only one with the same UUID is the same domain. */
static const struct described *description(const struct list *all, const struct listed *listed)
{
	for (uint32_t i = 0; i < all->count; i++) {
		const struct described *described = all->item[i];
		if (described->domid == listed->domid && text_equal(described->uuid, listed->uuid))
			return described;
	}
	return NULL;
}

static void know_domain(struct xen_host *xen, struct have *have, const struct listed *listed,
	const struct described *described, bool complete, const struct list *processes)
{
	struct HaveDomain *domain = type_new(have->arena, &type_HaveDomain);
	KNOW(domain, HaveDomain, domid, listed->domid);
	KNOW(domain, HaveDomain, uuid, arena_text(have->arena, listed->uuid));
	if (listed->name)
		KNOW(domain, HaveDomain, name, listed->name);
	if (listed->ended >= 0)
		KNOW(domain, HaveDomain, ended, listed->ended);
	/* libxl takes the name away before the rest, and the description is written last: what is described
	 * and nameless is being taken away, or was left so; nobody builds it, though its monitor may live */
	const bool whole = described && listed->name;
	const bool bare = listed->power == found_power_Paused && !whole;
	const char *cfg = xen_cfg_path(have->arena, xen, listed->uuid);
	const bool built =
		bare && !described && (!complete || listed->busy || xl_builds(processes, cfg, listed->name));
	const bool watched = listed->power == found_power_Stopped && xl_monitor(processes, cfg, listed->name);
	if (!built && !watched)
		KNOW(domain, HaveDomain, power, (int)listed->power);
	if (!built)
		KNOW(domain, HaveDomain, halfBuilt, bare);
	if (store_reachable(xen->store))
		KNOW(domain, HaveDomain, deviceModel, store_device_model(xen->store, listed->domid));
	know_mark(xen, have, domain);
	if (whole) {
		KNOW(domain, HaveDomain, spec, described->spec);
		know_devices(xen, have, domain);
	}
	list_add(have->arena, &have->found->domains, domain);
}

/* An xl of ours that makes a guest or watches one that is not listed: the guest may come at any moment. One
 * that watched and is gone by now has ended with its guest; one that built has perhaps just made it. */
static void know_coming(struct xen_host *xen, struct have *have, const struct list *listed,
	const struct list *processes, uint32_t since)
{
	const char *folder = arena_format(have->arena, "%s/cfg/", xen->run_dir);
	const size_t size = strlen(folder);
	for (uint32_t i = 0; i < processes->count; i++) {
		const struct xl_process *process = processes->item[i];
		if ((process->monitor && i < since) || strncmp(process->cfg, folder, size) != 0 ||
			strlen(process->cfg) < size + UID_SIZE - 1)
			continue;
		const char *uuid = arena_copy(have->arena, process->cfg + size, UID_SIZE - 1);
		unsigned same;
		bool told = xl_list_find(listed, uuid, &same) || !format_uuid.is(uuid);
		for (uint32_t k = 0; k < have->found->domains.count && !told; k++)
			told = strcmp(((struct HaveDomain *)have->found->domains.item[k])->uuid, uuid) == 0;
		if (told)
			continue;
		struct HaveDomain *domain = type_new(have->arena, &type_HaveDomain);
		KNOW(domain, HaveDomain, uuid, uuid);
		know_mark(xen, have, domain);
		list_add(have->arena, &have->found->domains, domain);
	}
}

bool xen_list(struct arena *arena, struct list *listed, const char **error)
{
	static const char *const argv[] = {"xl", "list", "-v", NULL};
	struct run_result result;
	if (run_wait(arena, argv, LIST_DEADLINE, &result))
		return xl_list_parse(arena, result.output, listed, error);
	*error = xl_failure(arena, argv, &result);
	return false;
}

/* libxl writes the description of a domain into this file, and does so last of all (libxl_create.c,
 * domcreate_complete): a domain that has it is made, and who paused it did so afterwards. */
static bool is_made(struct arena *arena, const struct listed *one)
{
	return access(arena_format(arena, "/var/lib/xen/userdata-d.%lld.%s.libxl-json", (long long)one->domid,
			      one->uuid),
		       F_OK) == 0;
}

/* libxl holds a lock of a domain for as long as it makes it, and `xl list -l` waits for that without an end:
 * nobody asks about what an action of ours, or somebody's xl, works on. A monitor that restarts its guest
 * looks like one that only waits for its end. */
static void mark_busy(const struct xen_host *xen, struct arena *arena, const struct list *listed,
	const struct list *processes)
{
	for (uint32_t i = 0; i < listed->count; i++) {
		struct listed *one = listed->item[i];
		one->busy = xen_works_on(xen, one->uuid) ||
			    (one->power == found_power_Paused &&
				    xl_builds(processes, xen_cfg_path(arena, xen, one->uuid), one->name) &&
				    !is_made(arena, one));
	}
}

/* Absence from the descriptions proves nothing by itself; that the program ran to its end does, for
 * halfBuilt. */
static bool know_domains(struct xen_host *xen, struct have *have, struct list *listed)
{
	struct list described = {0};
	/* looked for around both runs: who begins to build between them must be seen as well as who has just
	 * ended */
	struct list processes = {0};
	xl_processes(have->arena, &processes);
	const uint32_t before = processes.count;
	if (!xen_list(have->arena, listed, &have->why_unknown))
		return false;
	xl_processes(have->arena, &processes);
	/* before the details are read: what changes later is heard */
	if (store_reachable(xen->store))
		watch_follow(xen->watch, listed);
	know_coming(xen, have, listed, &processes, before);
	mark_busy(xen, have->arena, listed, &processes);
	bool asked;
	const bool complete =
		cache_describe(xen->cache, xen->store, have->arena, listed, runner_now(), &described, &asked);
	if (asked)
		xl_processes(have->arena, &processes);
	for (uint32_t i = 0; i < listed->count; i++)
		know_domain(xen, have, listed->item[i], description(&described, listed->item[i]), complete,
			&processes);
	have->found->at[Observation_domains] = &mark_observed;
	return true;
}

static void know_file(struct have *have, const char *path)
{
	if (!path || *path != '/')
		return;
	for (uint32_t i = 0; i < have->found->files.count; i++)
		if (strcmp(((struct HaveFile *)have->found->files.item[i])->path, path) == 0)
			return;
	struct HaveFile *file = type_new(have->arena, &type_HaveFile);
	const char *id = path_id(have->arena, path);
	KNOW(file, HaveFile, path, arena_text(have->arena, path));
	KNOW(file, HaveFile, present, id != NULL);
	if (id)
		KNOW(file, HaveFile, id, id);
	list_add(have->arena, &have->found->files, file);
}

static void know_files(struct have *have, const struct want *want)
{
	for (uint32_t i = 0; want && i < want->domains.count; i++) {
		const struct wanted_domain *domain = want->domains.item[i];
		const struct Boot *boot = domain->spec->boot;
		know_file(have, boot ? boot->kernel : NULL);
		know_file(have, boot ? boot->ramdisk : NULL);
		know_file(have, boot ? boot->bootloader : NULL);
	}
	for (uint32_t i = 0; want && i < want->volumes.count; i++) {
		const struct list *chain = &((const struct wanted_volume *)want->volumes.item[i])->chain;
		for (uint32_t k = 0; k < chain->count; k++) {
			const struct Layer *layer = chain->item[k];
			know_file(have, layer->block ? layer->block->path : NULL);
		}
	}
	have->found->at[Observation_files] = &mark_observed;
	have->paths_known = true;
}

/* What guests say of the config drives that WANT has of them. */
static void know_answers(struct xen_host *xen, struct have *have, const struct want *want)
{
	const int64_t now = (int64_t)time(NULL);
	for (uint32_t i = 0; want && i < want->domains.count; i++) {
		const struct wanted_domain *wanted = want->domains.item[i];
		const struct wanted_config *config = wanted->config;
		struct HaveDomain *domain = config ? have_domain(have, wanted->uid) : NULL;
		if (!domain || !KNOWN(domain, HaveDomain, domid) || !store_reachable(xen->store))
			continue;
		const struct answer said = answer_read(
			xen->store, have->arena, domain->domid, config->spec->format == config_format_scene);
		const int64_t asked = answer_asked(xen->store, xen->owner, domain->uuid, domain->domid);
		const bool late = config->timeout && asked >= 0 && now >= asked + config->timeout;
		struct ConfigAnswer *answer = type_new(have->arena, &type_ConfigAnswer);
		KNOW(answer, ConfigAnswer, asked, asked >= 0);
		KNOW(answer, ConfigAnswer, answer,
			said.answer == config_answer_none && late ? config_answer_timeout : (int)said.answer);
		if (said.words)
			KNOW(answer, ConfigAnswer, words, said.words);
		KNOW(domain, HaveDomain, config, answer);
	}
}

void xen_observe(struct host *host, const struct want *want, struct have *have)
{
	struct xen_host *xen = (struct xen_host *)host;
	struct list listed = {0};
	have->known = know_domains(xen, have, &listed) && know_host(xen, have, &listed);
	if (!have->known)
		have->found->domains = (struct list){0};
	look_again(xen, have);
	if (have->found->domains.count)
		know_cpus(xen, have, &listed);
	know_files(have, want);
	dom0_uses(have, "");
	have_sort(have);
	know_answers(xen, have, want);
}
