/* `xl list -l`, read by its documented keys. libxl omits what has its default value, writes choices in lower
 * case with underscores and booleans as "True" or true; a key of the wrong type counts as one that is not
 * there. Every field that xl.cfg sets comes back under the same value, or stays unknown: so the plan after an
 * apply is empty. */
#include "host/xen/xl_describe.h"
#include "model/cpus.h"
#include "model/have.h"
#include "model/quantity.h"
#include <cJSON.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

enum { VNC_FIRST_PORT = 5900, CPU_LAST = 9999 };

static void json_drop(cJSON **json)
{
	cJSON_Delete(*json);
}
#define CJSON_SCOPED __attribute__((cleanup(json_drop))) cJSON *

static const cJSON *member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(member(object, key));
}

/* A whole number that a double holds exactly; `otherwise` if there is none. */
static int64_t number_of(const cJSON *object, const char *key, int64_t otherwise)
{
	const cJSON *item = member(object, key);
	if (!cJSON_IsNumber(item) || item->valuedouble != floor(item->valuedouble) ||
		fabs(item->valuedouble) > 9007199254740992.0)
		return otherwise;
	return (int64_t)item->valuedouble;
}

static bool true_of(const cJSON *object, const char *key)
{
	const cJSON *item = member(object, key);
	return cJSON_IsTrue(item) || text_equal(cJSON_GetStringValue(item), "True") ||
	       (cJSON_IsNumber(item) && item->valuedouble != 0);
}

/* The place of a word in a list of choices that are spelled with dashes; -1 if it has none. */
static int choice_of(const cJSON *object, const char *key, const char *const *choices, const char *otherwise)
{
	const char *word = text_of(object, key);
	char dashed[32];
	if (!word)
		word = otherwise;
	if (!word || strlen(word) >= sizeof(dashed))
		return -1;
	size_t size = strlen(word) + 1;
	for (size_t i = 0; i < size; i++)
		dashed[i] = (char)(word[i] == '_' ? '-' : word[i]);
	return choice_find(choices, dashed);
}

/* One affinity for all vcpus, in canonical text; different ones per vcpu have no field and stay unknown. */
static const char *affinity(struct arena *arena, const cJSON *info)
{
	const cJSON *lists = member(info, "vcpu_hard_affinity"), *list, *cpu;
	const char *common = NULL;
	if (!lists)
		return "all";
	cJSON_ArrayForEach(list, lists)
	{
		BUFFER_SCOPED text = {0};
		cJSON_ArrayForEach(cpu, list)
		{
			if (!cJSON_IsNumber(cpu) || cpu->valuedouble < 0 || cpu->valuedouble > CPU_LAST)
				return NULL;
			buffer_format(&text, "%s%d", text.size ? "," : "", cpu->valueint);
		}
		const char *canonical = text.size ? cpus_canonical(arena, text.text) : NULL;
		if (!canonical || (common && strcmp(common, canonical) != 0))
			return NULL;
		common = canonical;
	}
	return common;
}

/* A boot field that Xen does not mention is known to be empty. */
static void describe_boot(struct arena *arena, const cJSON *info, struct DomainSpec *spec)
{
	struct Boot *boot = type_new(arena, &type_Boot);
	const char *kernel = text_of(info, "kernel"), *ramdisk = text_of(info, "ramdisk");
	const char *cmdline = text_of(info, "cmdline"), *bootloader = text_of(info, "bootloader");
	KNOW(boot, Boot, kernel, arena_text(arena, kernel ? kernel : ""));
	KNOW(boot, Boot, ramdisk, arena_text(arena, ramdisk ? ramdisk : ""));
	KNOW(boot, Boot, cmdline, arena_text(arena, cmdline ? cmdline : ""));
	KNOW(boot, Boot, bootloader, arena_text(arena, bootloader ? bootloader : ""));
	KNOW(spec, DomainSpec, boot, boot);
}

static void describe_scheduler(struct arena *arena, const cJSON *info, struct DomainSpec *spec)
{
	const cJSON *found = member(info, "sched_params");
	int64_t weight = number_of(found, "weight", -1), cap = number_of(found, "cap", -1);
	if (weight < 0 && cap < 0)
		return;
	struct Scheduler *scheduler = type_new(arena, &type_Scheduler);
	if (weight >= 0)
		KNOW(scheduler, Scheduler, weight, weight);
	if (cap >= 0)
		KNOW(scheduler, Scheduler, cap, cap);
	KNOW(spec, DomainSpec, scheduler, scheduler);
}

/* pv and pvh have a framebuffer device, hvm has an emulated screen. */
static void describe_graphics(struct arena *arena, const cJSON *config, struct DomainSpec *spec)
{
	const cJSON *hvm = member(member(config, "b_info"), "type.hvm");
	const cJSON *found =
		hvm ? member(hvm, "vnc") : member(cJSON_GetArrayItem(member(config, "vfbs"), 0), "vnc");
	const char *listen = text_of(found, "listen");
	int64_t display = number_of(found, "display", -1);
	spec->at[DomainSpec_graphics] = &mark_observed; /* NULL: known to have none */
	if (!found || (hvm && !true_of(found, "enable")))
		return;
	struct Vnc *vnc = type_new(arena, &type_Vnc);
	KNOW(vnc, Vnc, listen, arena_text(arena, listen ? listen : "127.0.0.1"));
	if (display >= 0)
		KNOW(vnc, Vnc, port, VNC_FIRST_PORT + display);
	struct Graphics *graphics = type_new(arena, &type_Graphics);
	KNOW(graphics, Graphics, vnc, vnc);
	KNOW(spec, DomainSpec, graphics, graphics);
}

static void describe_events(struct arena *arena, const cJSON *config, struct DomainSpec *spec)
{
	struct Events *events = type_new(arena, &type_Events);
	int poweroff = choice_of(config, "on_poweroff", choice_event_action, "destroy");
	int reboot = choice_of(config, "on_reboot", choice_event_action, "destroy");
	int crash = choice_of(config, "on_crash", choice_event_action, "destroy");
	int watchdog = choice_of(config, "on_watchdog", choice_event_action, "destroy");
	if (poweroff >= 0)
		KNOW(events, Events, poweroff, poweroff);
	if (reboot >= 0)
		KNOW(events, Events, reboot, reboot);
	if (crash >= 0)
		KNOW(events, Events, crash, crash);
	if (watchdog >= 0)
		KNOW(events, Events, watchdog, watchdog);
	KNOW(spec, DomainSpec, events, events);
}

static void describe_disks(struct arena *arena, const cJSON *config, struct DomainSpec *spec)
{
	const cJSON *found;
	spec->at[DomainSpec_disks] = &mark_observed;
	cJSON_ArrayForEach(found, member(config, "disks"))
	{
		const char *vdev = text_of(found, "vdev"), *target = text_of(found, "pdev_path");
		if (!vdev)
			continue;
		struct Disk *disk = type_new(arena, &type_Disk);
		KNOW(disk, Disk, vdev, arena_text(arena, vdev));
		if (target)
			KNOW(disk, Disk, target, arena_text(arena, target));
		int format = choice_of(found, "format", choice_disk_format, NULL);
		if (format >= 0)
			KNOW(disk, Disk, format, format);
		KNOW(disk, Disk, access, number_of(found, "readwrite", 0) ? access_rw : access_ro);
		KNOW(disk, Disk, device, number_of(found, "is_cdrom", 0) ? device_cdrom : device_disk);
		list_add(arena, &spec->disks, disk);
	}
}

static void describe_nics(struct arena *arena, const cJSON *config, struct DomainSpec *spec)
{
	const cJSON *found;
	spec->at[DomainSpec_nics] = &mark_observed;
	cJSON_ArrayForEach(found, member(config, "nics"))
	{
		struct Nic *nic = type_new(arena, &type_Nic);
		const char *mac = text_of(found, "mac"), *bridge = text_of(found, "bridge"),
			   *ip = text_of(found, "ip");
		int64_t device = number_of(found, "devid", -1);
		if (mac) {
			char *lower = arena_text(arena, mac);
			for (char *c = lower; *c; c++)
				if (*c >= 'A' && *c <= 'F')
					*c |= 'a' ^ 'A';
			KNOW(nic, Nic, mac, lower);
		}
		if (bridge)
			KNOW(nic, Nic, bridge, arena_text(arena, bridge));
		if (ip)
			KNOW(nic, Nic, ip, arena_text(arena, ip));
		if (device >= 0)
			KNOW(nic, Nic, device, device);
		list_add(arena, &spec->nics, nic);
	}
}

static void describe_size(struct arena *arena, const cJSON *info, struct DomainSpec *spec)
{
	int64_t memory = number_of(info, "target_memkb", -1), limit = number_of(info, "max_memkb", -1);
	int64_t vcpus = number_of(info, "max_vcpus", -1);
	const cJSON *online = member(info, "avail_vcpus");
	const char *cpus = affinity(arena, info);
	if (memory >= 0)
		KNOW(spec, DomainSpec, memory, memory * KiB);
	if (limit >= 0)
		KNOW(spec, DomainSpec, maxMemory, limit * KiB);
	if (vcpus > 0)
		KNOW(spec, DomainSpec, maxVcpus, vcpus);
	if (cJSON_GetArraySize(online) > 0)
		KNOW(spec, DomainSpec, vcpus, cJSON_GetArraySize(online));
	if (cpus)
		KNOW(spec, DomainSpec, cpus, cpus);
}

static struct described describe(struct arena *arena, const cJSON *config)
{
	const cJSON *create = member(config, "c_info"), *build = member(config, "b_info");
	struct DomainSpec *spec = type_new(arena, &type_DomainSpec);
	int type = choice_of(create, "type", choice_domain_type, NULL);
	const char *name = arena_text(arena, text_of(create, "name"));
	if (type >= 0)
		KNOW(spec, DomainSpec, type, type);
	if (name)
		KNOW(spec, DomainSpec, domainName, name);
	describe_size(arena, build, spec);
	describe_scheduler(arena, build, spec);
	describe_boot(arena, build, spec);
	describe_graphics(arena, config, spec);
	describe_events(arena, config, spec);
	describe_disks(arena, config, spec);
	describe_nics(arena, config, spec);
	return (struct described){
		.domid = -1, .name = name, .uuid = arena_text(arena, text_of(create, "uuid")), .spec = spec};
}

static cJSON *parse(const char *text, size_t size)
{
	const char *end = NULL;
	cJSON *json = cJSON_ParseWithLengthOpts(text, size, &end, false);
	while (json && end < text + size && isspace((unsigned char)*end))
		end++;
	if (json && end != text + size) {
		cJSON_Delete(json);
		return NULL;
	}
	return json;
}

bool xl_describe_list(
	struct arena *arena, const char *json, size_t size, struct list *out, const char **error)
{
	CJSON_SCOPED all = parse(json, size);
	*out = (struct list){0};
	if (!cJSON_IsArray(all)) {
		*error = "xl list -l printed no whole JSON array";
		return false;
	}
	const cJSON *item;
	cJSON_ArrayForEach(item, all)
	{
		/* the domid inside of config is the one that was asked for at creation */
		int64_t domid = number_of(item, "domid", -1);
		if (domid <= 0 || !cJSON_IsObject(member(item, "config")))
			continue;
		struct described *described = arena_make(arena, struct described);
		*described = describe(arena, member(item, "config"));
		described->domid = domid;
		list_add(arena, out, described);
	}
	return true;
}

bool xl_describe_split(
	struct arena *arena, const char *json, size_t size, struct list *out, const char **error)
{
	CJSON_SCOPED all = parse(json, size);
	*out = (struct list){0};
	if (!cJSON_IsArray(all)) {
		*error = "xl list -l printed no whole JSON array";
		return false;
	}
	const cJSON *item;
	cJSON_ArrayForEach(item, all)
	{
		const int64_t domid = number_of(item, "domid", -1);
		if (domid <= 0)
			continue;
		char *text = cJSON_PrintUnformatted(item);
		if (!text)
			memory_ended();
		struct described_text *one = arena_make(arena, struct described_text);
		*one = (struct described_text){.domid = domid,
			.uuid = arena_text(arena, text_of(member(member(item, "config"), "c_info"), "uuid")),
			.text = arena_format(arena, "[%s]", text)};
		cJSON_free(text);
		list_add(arena, out, one);
	}
	return true;
}

bool xl_describe_dry_run(
	struct arena *arena, const char *json, size_t size, struct described *out, const char **error)
{
	CJSON_SCOPED config = parse(json, size);
	if (!cJSON_IsObject(config)) {
		*error = "xl -N create printed no whole JSON object";
		return false;
	}
	*out = describe(arena, config);
	return true;
}
